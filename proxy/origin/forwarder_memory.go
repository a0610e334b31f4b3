package origin

import (
	"sync"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	// keepSession is how long the one connection of a session or tunnel is believed to be the same: it ends with its
	// process, or is made again with the same server.
	keepSession = 10 * time.Second
	// keepUnknown is how long a far end that could not be told is not looked for again: to list all sockets takes
	// milliseconds, and a busy proxy has new connections all the time.
	keepUnknown = time.Second
	// rememberedMax bounds what is remembered.
	rememberedMax = 256
)

// forwarderMemory spares the list of sockets where another one would say the same. Of a proxy whose clients come and go
// it remembers no far end: the next connection is for somebody else.
type forwarderMemory struct {
	mu    sync.Mutex
	found map[forwarderKey]remembered
}

// forwarderKey is a process that a rule was found to fit.
type forwarderKey struct {
	pid     int
	started int64 // in nanoseconds
	rule    int
}

type remembered struct {
	forwarder *flow.Forwarder
	until     time.Time
}

func keyOf(p *flow.Process, rule int) forwarderKey {
	return forwarderKey{p.PID, p.Started.UnixNano(), rule}
}

// recall is what was found; nil when it has to be looked for.
func (m *forwarderMemory) recall(k forwarderKey) *flow.Forwarder {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.found[k]; ok && time.Now().Before(r.until) {
		return r.forwarder
	}
	return nil
}

// remember keeps what was found as long as it may be said again.
func (m *forwarderMemory) remember(k forwarderKey, r *ForwarderRule, f *flow.Forwarder) {
	var keep time.Duration
	switch looked := r.Far == FarSession || r.Far == FarDialled; {
	case looked && f.Far.IsValid():
		keep = keepSession
	case (looked || r.Far == FarAccepted) && f.Zone == flow.ZoneUnknown:
		keep = keepUnknown
	}
	if keep == 0 || k.started == (time.Time{}).UnixNano() { // a number alone names no process
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.found) >= rememberedMax {
		clear(m.found)
	}
	m.found[k] = remembered{f, time.Now().Add(keep)}
}
