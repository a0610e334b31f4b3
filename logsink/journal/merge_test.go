package journal

import (
	"fmt"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// refused is the refusal of the i-th of many addresses.
func refused(service string, i int) flow.Record {
	from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 4000)
	return flow.Record{
		Event: flow.EventSessionRefused, Service: service,
		Peer:    &flow.Peer{Addr: from, Front: netip.MustParseAddrPort("10.9.9.9:5432"), Zone: flow.ZoneLAN},
		Verdict: &flow.Verdict{Action: flow.Deny, Rule: "builtin.local", Cause: flow.CauseNonLocal, Reason: "not local"},
		Refusal: &flow.Refusal{Count: 1, Distinct: 1},
	}
}

// knocksIn counts the refused connections of each service that a journal tells.
func knocksIn(t *testing.T, dir string) map[string]uint64 {
	t.Helper()
	n := make(map[string]uint64)
	for _, e := range entries(t, dir) {
		if e.Record.Event == flow.EventSessionRefused {
			n[e.Record.Service] += e.Record.Refusal.Count
		}
	}
	return n
}

// TestRefusalsAreMerged floods a journal from one address and from 10,000: it grows by the share that refusals may
// take and a record a minute, and its sums are right.
func TestRefusalsAreMerged(t *testing.T) {
	for name, addresses := range map[string]int{"one address": 1, "10000 addresses": 10_000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { floodJournal(t, addresses) })
		})
	}
}

func floodJournal(t *testing.T, addresses int) {
	const knocks, rest = 100_000, 1000
	c := small(t.TempDir())
	c.Settings.RotateSize, c.Settings.MaxSize = flow.MiB, 64*flow.MiB
	own := 0
	c.Own = func(_ flow.Identity, r *flow.Record) {
		if r.Event == flow.EventSessionRefused {
			own++
		}
	}
	j, stop := running(t, c)
	for i := range knocks {
		if _, err := appendWait(j, refused("pg", i%addresses)); err != nil {
			t.Fatal(err)
		}
	}
	before := len(entries(t, c.Settings.Dir))
	<-time.After(mergePause + time.Second)
	synctest.Wait()
	list := entries(t, c.Settings.Dir)
	if n := knocksIn(t, c.Settings.Dir)["pg"]; n != knocks || len(list) != before+1 {
		t.Errorf("a minute later %d of %d are told, with %d records more", n, knocks, len(list)-before)
	}
	checkMerged(t, list[len(list)-1].Record, addresses)
	for i := range rest {
		if _, err := appendWait(j, refused("redis", i%addresses)); err != nil {
			t.Fatal(err)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	r := content(t, c.Settings.Dir)
	n := knocksIn(t, c.Settings.Dir)
	if s := j.Stats(); n["pg"] != knocks || n["redis"] != rest || s.Merged < knocks/2 || s.Dropped != 0 || own != 0 {
		t.Errorf("in the end %v are told; %+v, %d told as the journal's own", n, s, own)
	}
	if size := segmentsOf(t, c.Settings.Dir)[0].size; r.Segments != 1 || size > int64(flow.MiB)*26/100 {
		t.Errorf("%d segments, the first has %d bytes", r.Segments, size)
	}
}

func checkMerged(t *testing.T, r flow.Record, addresses int) {
	t.Helper()
	f := r.Refusal
	if r.Event != flow.EventSessionRefused || r.Verdict == nil || r.Peer == nil || f.Distinct > uint64(addresses) ||
		len(f.Sample) != min(addresses, mergeSample) && addresses > 1 {
		t.Errorf("the record that tells many: %+v, refusal %+v", r, f)
	}
	if want := addresses > mergeDistinct; f.DistinctCapped != want || want && f.Distinct < mergeDistinct {
		t.Errorf("of %d addresses %d are told, capped %v", addresses, f.Distinct, f.DistinctCapped)
	}
}

// TestRefusalsOfRefusals: records that stand for many already are added up, by service, cause and tripwire.
func TestRefusalsOfRefusals(t *testing.T) {
	var m refusals
	now := time.Now()
	for i := range 6 {
		r := refused("pg", i)
		r.Refusal = &flow.Refusal{Count: 10, Distinct: 9, Tripwire: i%2 == 1, Sample: []netip.AddrPort{r.Peer.Addr}}
		if i == 5 {
			r.Verdict = &flow.Verdict{Cause: flow.CauseLimit}
		}
		if !m.place(&r) {
			t.Fatal("no place")
		}
		m.add(&r, now)
	}
	if m.connections() != 60 || len(m.groups) != 3 || !m.dueAt.Equal(now.Add(mergePause)) {
		t.Errorf("%d connections in %d groups, due in %v", m.connections(), len(m.groups), m.dueAt.Sub(now))
	}
	for _, r := range m.records() {
		if f := r.Refusal; !f.DistinctCapped || f.Distinct != 9 || uint64(len(f.Sample)) != f.Count/10 {
			t.Errorf("merged %+v", f)
		}
	}
	for i := range mergeGroups {
		r := refused(fmt.Sprint("service ", i), i)
		if placed := m.place(&r); placed != (i < mergeGroups-3) {
			t.Fatalf("group %d is placed: %v", i+3, placed)
		}
	}
}

// TestRefusalsWithoutALimit: with the whole share each refusal is told.
func TestRefusalsWithoutALimit(t *testing.T) {
	c := small(t.TempDir())
	c.Settings.RotateSize, c.Settings.RefusalsShare = smallestRotate, 100
	j, stop := running(t, c)
	for i := range 100 {
		if id, err := appendWait(j, refused("pg", i)); err != nil || id.Seq == 0 {
			t.Fatalf("identity %v, %v", id, err)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if n := knocksIn(t, c.Settings.Dir)["pg"]; n != 100 || j.Stats().Merged != 0 {
		t.Errorf("%d told, %d merged", n, j.Stats().Merged)
	}
}

// TestRefusalsThatCannotBeTold counts as dropped, at the end, what was merged and could not be written.
func TestRefusalsThatCannotBeTold(t *testing.T) {
	var d disk
	c := small(t.TempDir())
	c.Settings.RotateSize, c.Settings.RefusalsShare = smallestRotate, 1
	j, stop := runningOn(t, c, d.open)
	for i := range 10 {
		if _, err := appendWait(j, refused("pg", i)); err != nil {
			t.Fatal(err)
		}
	}
	d.set(func(d *disk) { d.full = true })
	if err := stop(); err == nil {
		t.Error("the end on a full disk is no error")
	}
	if s := j.Stats(); s.Merged != 9 || s.Dropped != 9 {
		t.Errorf("stats %+v", s)
	}
	if _, err := os.Stat(c.Settings.Dir); err != nil {
		t.Error(err)
	}
}
