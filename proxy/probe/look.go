package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
)

// addressesMost is how many addresses of one name are tried.
const addressesMost = 4

// Look finds out about an address and connects to it, in turn by all addresses that a client may mean. Each attempt is
// bounded in time, and none is begun once ctx is over. Only what is asked for is connected to: addresses of this host,
// unless at names another one.
func Look(ctx context.Context, at flow.Endpoint) *Facts {
	f := &Facts{At: at}
	if at.IsUnix() {
		f.lookUnix(ctx)
		return f
	}
	f.Port = portOf(at.Port, procfs.New(""))
	candidates := f.candidates(ctx)
	if slices.ContainsFunc(candidates, func(a Attempt) bool { return a.Own }) {
		f.portUsers(ctx)
	} else {
		f.Blind = "that is another host"
	}
	for _, c := range candidates {
		f.Attempts = append(f.Attempts, try(ctx, c, "tcp", c.Addr.String()))
	}
	if f.hasTimedOut() {
		f.queues() // it may have filled up meanwhile, or become free
	}
	return f
}

// LookBind finds out about a port and tries to take it, as a server would, instead of connecting to it. It does not
// listen, and gives it up at once.
func LookBind(ctx context.Context, at flow.Endpoint) *Facts {
	f := &Facts{At: at, Port: portOf(at.Port, procfs.New(""))}
	f.portUsers(ctx)
	for _, c := range f.places(ctx) {
		b := Bind{To: c.Addr, Outcome: Bound}
		if err := bind(c.Addr); err != nil {
			b.Outcome, b.Error = outcomeOf(err), errorWords(err)
		}
		f.Binds = append(f.Binds, b)
	}
	return f
}

func (f *Facts) hasTimedOut() bool {
	return slices.ContainsFunc(f.Attempts, func(a Attempt) bool { return a.Outcome == TimedOut })
}

func (f *Facts) lookUnix(ctx context.Context) {
	path := f.At.Path
	proc := procfs.New("")
	f.Socket = socketOf(path, origin.NewUsers())
	switch h := origin.HolderOf(ctx, f.At); {
	case h.Err != nil:
		f.Blind = h.Err.Error()
	case h.Listening:
		f.Listeners = []Listener{{Who: h.String(), Program: h.Program, PID: h.PID, User: h.User}}
	default:
		f.Socket.Elsewhere = elsewhere(path, proc)
	}
	a := Attempt{Name: "unix", To: f.At.String(), Own: true}
	f.Attempts = []Attempt{try(ctx, a, "unix", path)}
}

// candidates are the attempts to be made, in the order in which a client makes them.
func (f *Facts) candidates(ctx context.Context) []Attempt {
	all := f.places(ctx)
	for i := range all {
		if a := all[i].Addr.Addr(); a.IsUnspecified() { // who connects to it gets to this host
			all[i].Addr = netip.AddrPortFrom(loopback(a), f.At.Port)
		}
		all[i].To = all[i].Addr.String()
	}
	return all
}

// places are the addresses that are meant: all of a name, and for this host itself those that it always has.
func (f *Facts) places(ctx context.Context) []Attempt {
	host := f.At.Host
	if a, ok := f.At.Addr(); ok {
		return []Attempt{f.place(host, a)}
	}
	local := host == "" || strings.EqualFold(host, "localhost")
	if local {
		host = "localhost"
	}
	var all []Attempt
	resolved, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for _, a := range resolved[:min(len(resolved), addressesMost)] {
		all = append(all, f.place(host, a.Unmap()))
	}
	if !local {
		if err != nil {
			f.Unresolved = fmt.Sprintf("%s has no address: %v", host, err)
		}
		return all
	}
	for _, a := range []netip.Addr{loopback(netip.IPv4Unspecified()), loopback(netip.IPv6Unspecified())} {
		if !slices.ContainsFunc(all, func(c Attempt) bool { return c.Addr.Addr() == a }) {
			all = append(all, f.place(a.String(), a))
		}
	}
	return all
}

func (f *Facts) place(name string, a netip.Addr) Attempt {
	return Attempt{Name: name, Addr: netip.AddrPortFrom(a, f.At.Port), Own: isOwn(a)}
}

// loopback is 127.0.0.1 or ::1, of the same family.
func loopback(family netip.Addr) netip.Addr {
	if family.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// isOwn says whether an address is of this host.
func isOwn(a netip.Addr) bool {
	if a.IsLoopback() || a.IsUnspecified() {
		return true
	}
	own, _ := net.InterfaceAddrs() // without a list it is called another host's
	return slices.ContainsFunc(own, func(o net.Addr) bool {
		n, ok := o.(*net.IPNet)
		return ok && n.IP.Equal(a.WithZone("").AsSlice())
	})
}
