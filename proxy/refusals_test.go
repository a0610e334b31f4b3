package proxy

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

func refusalFrom(i uint32, cause flow.Cause) flow.Record {
	var ip [4]byte
	binary.BigEndian.PutUint32(ip[:], 10<<24|i)
	return flow.Record{
		Time: time.Now(), Event: flow.EventSessionRefused, Service: "pg",
		Peer:    &flow.Peer{Addr: netip.AddrPortFrom(netip.AddrFrom4(ip), 4000)},
		Origin:  &flow.Origin{},
		Verdict: &flow.Verdict{Cause: cause},
		Refusal: &flow.Refusal{Count: 1, Distinct: 1},
	}
}

// A knocker costs 20 records a second and one for the rest, and none is lost.
func TestRefusalsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		r := newRefusals(log)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { r.run(ctx); close(ended) }()
		const knocks = 10_000
		for i := range uint32(knocks) {
			r.add(refusalFrom(i, flow.CauseNonLocal))
		}
		r.add(refusalFrom(1, flow.CauseDisguised)) // another cause is told on its own
		<-time.After(1100 * time.Millisecond)      // in the bubble's time
		records := log.of(flow.EventSessionRefused)
		if len(records) != refusalsPerSecond+2 {
			t.Fatalf("%d records for %d refusals", len(records), knocks+1)
		}
		var total uint64
		for _, rec := range records {
			total += rec.Refusal.Count
			if rec.Verdict.Cause == flow.CauseDisguised && rec.Refusal.Count != 1 {
				t.Errorf("disguised: %+v", rec.Refusal)
			}
			if rec.Refusal.Count > 1 && (!rec.Refusal.DistinctCapped || rec.Refusal.Distinct != refusalsDistinctMax ||
				len(rec.Refusal.Sample) != refusalsSampleMax) {
				t.Errorf("held: distinct %d capped %v, %d in the sample",
					rec.Refusal.Distinct, rec.Refusal.DistinctCapped, len(rec.Refusal.Sample))
			}
		}
		if total != knocks+1 {
			t.Errorf("the records count %d refusals of %d", total, knocks+1)
		}
		r.add(refusalFrom(2, flow.CauseNonLocal))
		if n := len(log.of(flow.EventSessionRefused)); n != refusalsPerSecond+3 {
			t.Errorf("a new second tells singly again: %d records", n)
		}
		cancel()
		<-ended
	})
}

// What is held at the end is told at the end.
func TestRefusalsAreFlushedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		r := newRefusals(log)
		for i := range uint32(refusalsPerSecond + 5) {
			r.add(refusalFrom(i, flow.CauseLimit))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r.run(ctx)
		records := log.of(flow.EventSessionRefused)
		if last := records[len(records)-1].Refusal; len(records) != refusalsPerSecond+1 || last.Count != 5 || last.Distinct != 5 {
			t.Errorf("%d records, the last of %+v", len(records), last)
		}
	})
}

// Those who are refused while the end is forced are told, too.
func TestRefusalsAreToldAfterForce(t *testing.T) {
	onEachLane(t, func(t *testing.T, open opener) {
		port := freePort(t)
		d := open(t, Config{Rules: denyAll(), Services: []Service{
			{Name: "pg", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: at("127.0.0.1", 1)},
		}})
		d.Force()
		const knocks = 3 * refusalsPerSecond
		for range knocks {
			expectNoEntry(t, at("127.0.0.1", port))
		}
		d.stop()
		var told uint64
		for _, r := range d.log.of(flow.EventSessionRefused) {
			told += r.Refusal.Count
		}
		if told != knocks {
			t.Errorf("%d of %d refusals were told", told, knocks)
		}
	})
}
