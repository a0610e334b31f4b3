package origin

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// ends are those of a socket, as its process has it; addresses are unmapped and without zones.
type ends struct{ local, remote netip.AddrPort }

// ownership tells which processes hold which sockets.
type ownership map[ends][]int

func (o ownership) add(at ends, pid int) {
	at = ends{plainAddr(at.local), plainAddr(at.remote)}
	if pid > 0 && !slices.Contains(o[at], pid) { // a process may hold a socket twice
		o[at] = append(o[at], pid)
	}
}

// plainAddr makes an address comparable. Within the kernels of BSD, link-local addresses have the number of their
// interface in the third and fourth byte, and lsof shows it.
func plainAddr(a netip.AddrPort) netip.AddrPort {
	plain := a.Addr().Unmap().WithZone("")
	if plain.Is6() && plain.IsLinkLocalUnicast() {
		b := plain.As16()
		b[2], b[3] = 0, 0
		plain = netip.AddrFrom16(b)
	}
	return netip.AddrPortFrom(plain, a.Port())
}

// ownerSystem is what a system says that has a list of all sockets and their processes.
type ownerSystem interface {
	// owners lists who holds what.
	owners(ctx context.Context) (ownership, error)
	// look says who has a number now: the number, start, program and user. It is quick.
	look(pid int) (*flow.Process, error)
	// complete adds to p what takes longer to find out.
	complete(ctx context.Context, p *flow.Process)
}

// ownerSearch asks for a list of all sockets, once for all who wait. One goroutine uses it.
type ownerSearch struct {
	system    ownerSystem
	forwarder func(context.Context, *flow.Process) *flow.Forwarder
	now       func() time.Time
	// every is the time that has to pass from one list to the next.
	every time.Duration
	last  time.Time
	known map[int]knownOwner
}

// knownOwner is a process as it looked, and all that was found out about it then.
type knownOwner struct{ seen, process *flow.Process }

func newOwnerSearch(c ResolverConfig, system ownerSystem, every time.Duration) *ownerSearch {
	return &ownerSearch{
		system: system, forwarder: c.Forwarder, now: time.Now, every: every, known: make(map[int]knownOwner),
	}
}

// glance answers nobody: all that there is to look at is the whole list.
func (s *ownerSearch) glance(context.Context, *party) {}

// scan asks for the list, and answers whom it finds in it.
func (s *ownerSearch) scan(ctx context.Context, p *party) bool {
	if !s.pause(ctx, p) {
		return false
	}
	asked := s.now()
	s.last = asked
	owners := s.list(ctx, p)
	for i := range p.seeks {
		k := &p.seeks[i]
		if k.over {
			continue
		}
		if o, ok := s.origin(ctx, k, owners, asked); ok {
			k.answer(o)
		}
	}
	return true
}

// pause waits until there may be a list again, and says whether somebody still waits for it then.
func (s *ownerSearch) pause(ctx context.Context, p *party) bool {
	ticker := time.NewTicker(patience)
	defer ticker.Stop()
	for s.now().Sub(s.last) < s.every {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
		if !p.waits() {
			return false
		}
	}
	return p.waits()
}

// list asks for the list, and lets those go meanwhile whose time is up. It gives up when nobody waits any more.
func (s *ownerSearch) list(ctx context.Context, p *party) ownership {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answer := make(chan ownership)
	go func() {
		owners, _ := s.system.owners(ctx) // without a list nobody is found
		answer <- owners
	}()
	ticker := time.NewTicker(patience)
	defer ticker.Stop()
	for {
		select {
		case owners := <-answer:
			return owners
		case <-ticker.C:
			if !p.waits() {
				cancel()
			}
		}
	}
}

// origin is who held a socket when the list was made; not ok is nobody.
func (s *ownerSearch) origin(ctx context.Context, k *seek, owners ownership, asked time.Time) (flow.Origin, bool) {
	var holders []*holder
	for _, pid := range owners[ends{plainAddr(k.lead.Local), plainAddr(k.lead.Remote)}] {
		if p := s.process(ctx, pid, asked); p != nil {
			holders = append(holders, &holder{process: p})
		}
	}
	if len(holders) == 0 {
		return flow.Origin{}, false
	}
	p := foremost(holders)
	o := flow.Origin{
		Attribution: flow.AttributionLiveSocket, UID: p.UID, User: p.User, PID: p.PID, Program: p.Program, Process: p,
	}
	for _, h := range holders {
		if len(holders) > 1 {
			o.Holders = append(o.Holders, h.process)
		}
		if s.forwarder == nil {
			continue
		}
		if f := s.forwarder(ctx, h.process); f != nil && (o.Forwarder == nil || h.process == p) {
			o.Forwarder = f
		}
	}
	return o, true
}

// process is who has a number, the same pointer each time; nil when that is not who was in a list that was asked for at
// a moment: a process that has begun since has got the number of one that has ended.
func (s *ownerSearch) process(ctx context.Context, pid int, asked time.Time) *flow.Process {
	seen, err := s.system.look(pid)
	if err != nil || seen.Started.IsZero() || seen.Started.After(asked) {
		delete(s.known, pid)
		return nil
	}
	if known, ok := s.known[pid]; ok && sameOwner(known.seen, seen) {
		return known.process
	}
	process := *seen
	s.system.complete(ctx, &process)
	if again, err := s.system.look(pid); err != nil || !sameOwner(seen, again) {
		return nil // what was added may be another's
	}
	if len(s.known) >= processesMax {
		clear(s.known)
	}
	s.known[pid] = knownOwner{seen: seen, process: &process}
	return &process
}

// sameOwner says whether a process is the same, and still runs the same program as the same user.
func sameOwner(a, b *flow.Process) bool {
	return a.PID == b.PID && a.Started.Equal(b.Started) && a.Program == b.Program && a.UID == b.UID && a.User == b.User &&
		a.Executable == b.Executable
}

// wholeName makes a name that was cut off whole, when the executable's begins with it.
func wholeName(name, path string) string {
	if base := path[strings.LastIndexByte(path, '/')+1:]; strings.HasPrefix(base, name) {
		return base
	}
	return name
}

// programOfPath is an executable's name as one types it on Windows.
func programOfPath(path string) string {
	name := path[strings.LastIndexAny(path, `/\`)+1:]
	if i := len(name) - len(".exe"); i > 0 && strings.EqualFold(name[i:], ".exe") {
		return name[:i]
	}
	return name
}
