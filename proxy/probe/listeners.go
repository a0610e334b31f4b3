package probe

import (
	"context"
	"net/netip"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin"
	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

// portUsers finds who listens on the port, and whose clients have it.
func (f *Facts) portUsers(ctx context.Context) {
	all, err := origin.Connections(ctx, f.At.Port, origin.ResolverConfig{})
	if err != nil {
		f.Blind = err.Error()
		return
	}
	for i := range all {
		if c := &all[i]; c.Listening {
			f.Listeners = append(f.Listeners, listenerOf(c))
		}
	}
	f.queues()
	for i := range all {
		c := &all[i]
		// What came in at a listener has its port, too.
		if !c.Listening && c.Local.Port() == f.At.Port && f.listenerAt(c.Local.Addr()) == nil {
			f.Taken = append(f.Taken, Taken{Local: c.Local, Remote: c.Remote, State: c.State, Who: words(&c.Origin)})
		}
	}
}

// queues adds what only Linux's kernel tells.
func (f *Facts) queues() {
	sockets, err := sockdiag.Listeners(f.At.Port)
	if err != nil {
		return
	}
	for i := range f.Listeners {
		l := &f.Listeners[i]
		for _, s := range sockets {
			if s.Local == l.Local && (l.Queue == nil || s.Queued > l.Queue.Waiting) {
				l.V6Only, l.Queue = s.V6Only, &Queue{Waiting: s.Queued, Most: s.Backlog}
			}
		}
	}
}

func listenerOf(c *origin.Connection) Listener {
	o := &c.Origin
	return Listener{Local: c.Local, Who: words(o), Program: o.Program, PID: o.PID, User: o.User}
}

// words are who holds a socket, as [origin.Holder] says it.
func words(o *flow.Origin) string {
	if !o.Known() {
		return "a process that cannot be seen from here"
	}
	return origin.Holder{
		Listening: true, PID: o.PID, Program: o.Program, UID: o.UID, UIDKnown: true, User: o.User, Foreign: o.PID == 0,
	}.String()
}

// listenerAt is who would get a connection to an address: a socket that is bound to just it goes before one that takes
// all.
func (f *Facts) listenerAt(a netip.Addr) *Listener {
	var best *Listener
	for i := range f.Listeners {
		l := &f.Listeners[i]
		at := l.Local.Addr()
		if at == a {
			return l
		}
		if best == nil && at.IsUnspecified() && (at.Is4() == a.Is4() || at.Is6() && !l.V6Only) {
			best = l
		}
	}
	return best
}

// where says at which addresses somebody listens: "[::1]:5432 and 10.0.0.7:5432".
func (f *Facts) where() string {
	var at []string
	for i := range f.Listeners {
		if l := &f.Listeners[i]; l.Local.IsValid() {
			at = append(at, l.Local.String())
		}
	}
	return strings.Join(at, " and ")
}
