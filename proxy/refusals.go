package proxy

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Bounds of what refusals may cost: a knocker must not fill the disk.
const (
	refusalsPerSecond   = 20   // of one service are told singly
	refusalsDistinctMax = 4096 // addresses that are told apart in one second
	refusalsSampleMax   = 8    // addresses that are named
)

// refusals writes session.refused. Beyond a number a second and service, those of one cause become one record a second
// with a count.
type refusals struct {
	log Log

	mu     sync.Mutex
	second int64
	told   map[string]int         // in this second, by service
	held   map[heldKey]*heldGroup // to be told at the second's end
	wake   chan struct{}          // says that held is no longer empty
}

type heldKey struct {
	service  string
	cause    flow.Cause
	tripwire bool
}

// heldGroup is a record that stands for many.
type heldGroup struct {
	record   flow.Record
	distinct map[netip.Addr]struct{}
}

func newRefusals(log Log) *refusals {
	return &refusals{
		log: log, told: make(map[string]int), held: make(map[heldKey]*heldGroup), wake: make(chan struct{}, 1),
	}
}

// add tells a refusal at once, or holds it for the second's record.
func (r *refusals) add(rec flow.Record) {
	if r.hold(&rec, time.Now()) {
		return
	}
	r.log.Append(rec, nil)
}

func (r *refusals) hold(rec *flow.Record, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if second := now.Unix(); second != r.second {
		r.second = second
		clear(r.told)
	}
	if r.told[rec.Service] < refusalsPerSecond {
		r.told[rec.Service]++
		return false
	}
	key := heldKey{rec.Service, rec.Verdict.Cause, rec.Refusal.Tripwire}
	group := r.held[key]
	if group == nil {
		group = &heldGroup{record: *rec, distinct: make(map[netip.Addr]struct{})}
		group.record.Refusal = &flow.Refusal{Tripwire: key.tripwire}
		r.held[key] = group
	}
	group.add(rec.Peer.Addr)
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return true
}

func (g *heldGroup) add(from netip.AddrPort) {
	f := g.record.Refusal
	f.Count++
	if _, known := g.distinct[from.Addr()]; !known {
		if len(g.distinct) == refusalsDistinctMax {
			f.DistinctCapped = true
		} else {
			g.distinct[from.Addr()] = struct{}{}
		}
	}
	f.Distinct = uint64(len(g.distinct))
	if len(f.Sample) < refusalsSampleMax && from.IsValid() {
		f.Sample = append(f.Sample, from)
	}
}

// run tells what is held once a second until ctx ends, and then what is left.
func (r *refusals) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			r.flush()
			return
		case <-r.wake:
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
		r.flush()
	}
}

func (r *refusals) flush() {
	r.mu.Lock()
	held := r.held
	r.held = make(map[heldKey]*heldGroup)
	r.mu.Unlock()
	for _, g := range held {
		r.log.Append(g.record, nil)
	}
}
