package origin

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
)

// ForwardersConfig says what forwarders are. The zero value is the built-in table, without zones.
type ForwardersConfig struct {
	// Extra rules come before the built-in ones: the first that fits a process decides.
	Extra []ForwarderRule
	// Zone tells what kind of place an address is; nil leaves the zones of far ends unknown.
	Zone func(netip.Addr) flow.Zone
	// Proc is where proc(5) is mounted; empty is /proc.
	Proc string
}

// Forwarders recognises processes that carry somebody else's connections. It may be used by many goroutines at once.
type Forwarders struct {
	rules  []ForwarderRule
	zone   func(netip.Addr) flow.Zone
	proc   procfs.FS
	memory forwarderMemory
	// held lists what a process has open; nothing where the system does not tell.
	held func(context.Context, procfs.FS, *flow.Process) (held, error)
	// words is a process's command line.
	words func(procfs.FS, *flow.Process) []string
}

// NewForwarders fails when a rule cannot be obeyed.
func NewForwarders(c ForwardersConfig) (*Forwarders, error) {
	for i, r := range c.Extra {
		if err := r.Validate(); err != nil {
			return nil, fmt.Errorf("forwarder %d: %w", i+1, err)
		}
	}
	zone := c.Zone
	if zone == nil {
		zone = func(netip.Addr) flow.Zone { return flow.ZoneUnknown }
	}
	rules := slices.Concat(c.Extra, ForwarderTable())
	for i := range rules {
		rules[i].Programs = lowered(rules[i].Programs)
	}
	return &Forwarders{
		rules: rules, zone: zone, proc: procfs.New(c.Proc), held: socketsOf, words: wordsOf,
		memory: forwarderMemory{found: make(map[forwarderKey]remembered)},
	}, nil
}

// lowered are names in lower case; paths stay as they are.
func lowered(names []string) []string {
	names = slices.Clone(names)
	for i, name := range names {
		if !strings.Contains(name, "/") {
			names[i] = strings.ToLower(name)
		}
	}
	return names
}

// Of says what a process that holds a client's socket forwards, and for whom as far as can be seen now: the answer is
// about this moment and is not to be kept for the process's next connections. Nil is a process that speaks for itself.
//
// A name that does not fit costs microseconds. On Linux, once it fits, it reads the process's descriptors and lists the
// TCP sockets of the calling thread's network namespace: some milliseconds, most of them the kernel's, which goes
// through its whole table. What would be the same again is remembered for a moment. Elsewhere far ends are unknown,
// unless the program's nature tells.
func (f *Forwarders) Of(ctx context.Context, p *flow.Process) *flow.Forwarder {
	if p == nil {
		return nil
	}
	s := newSuspect(p, func() []string { return f.words(f.proc, p) })
	var sockets held
	looked := false
	look := func() held {
		if !looked {
			sockets, _ = f.held(ctx, f.proc, p) // what cannot be seen is unknown
			looked = true
		}
		return sockets
	}
	for i := range f.rules {
		r := &f.rules[i]
		by := r.match(s)
		if by == byNothing {
			continue
		}
		if found := f.memory.recall(keyOf(p, i)); found != nil {
			return found
		}
		if !r.carries(s, func() bool { return len(look().connected) > 1 }) {
			continue
		}
		found := &flow.Forwarder{Name: r.Name, PID: p.PID, Own: r.Own, Reason: s.reason(by, r.Why)}
		found.Zone, found.Far = f.far(r, look)
		f.memory.remember(keyOf(p, i), r, found)
		return found
	}
	return nil
}

// far is where the other end of what is carried is: one address, or one kind of place that all that come into question
// share.
func (f *Forwarders) far(r *ForwarderRule, look func() held) (flow.Zone, netip.AddrPort) {
	if z, err := r.farZone(); err != nil || r.Far == "" || z != flow.ZoneUnknown {
		return z, netip.AddrPort{}
	}
	sockets := look()
	ends := sockets.ends(r.Far, f.zone)
	if len(ends) == 0 {
		return flow.ZoneUnknown, netip.AddrPort{}
	}
	zone := f.zone(ends[0].Addr())
	for _, end := range ends[1:] {
		if f.zone(end.Addr()) != zone {
			return flow.ZoneUnknown, netip.AddrPort{}
		}
	}
	if len(ends) > 1 {
		return zone, netip.AddrPort{}
	}
	return zone, ends[0]
}

// fields splits a command line that is known as text only. An argument with a space in it becomes two, which makes no
// difference to the names that are looked for.
func fields(p *flow.Process) []string { return strings.Fields(p.CommandLine) }
