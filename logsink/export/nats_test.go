package export

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/journal"
)

// TestNATSOutage cuts two journals off from one stream for longer than its duplicate window: by a kill of the server in
// the middle of what they publish. Afterwards the stream has every record exactly once.
func TestNATSOutage(t *testing.T) {
	const window = 200 * time.Millisecond
	s := startNATS(t, "")
	s.stream(jetstream.StreamConfig{Duplicates: window})
	dirs := []string{t.TempDir(), t.TempDir()}
	var doors []*natsDoor
	for _, dir := range dirs {
		doors = append(doors, openNATSDoor(t, dir, newTestNATS(t, s.settings())))
	}
	each := func(f func(d *natsDoor)) {
		for _, d := range doors {
			f(d)
		}
	}
	each(func(d *natsDoor) { d.append(t, 2000) })
	testkit.Wait(t, "some records to be delivered", func() bool {
		return doors[0].feed.Stats().Delivered > 0 && doors[1].feed.Stats().Delivered > 0
	}, natsWait)
	s.child.Kill()
	each(func(d *natsDoor) { d.append(t, 500) })
	testkit.Wait(t, "both feeds to fail for longer than the window", func() bool {
		return !slices.ContainsFunc(doors, func(d *natsDoor) bool {
			st := d.feed.Stats()
			return st.Err == nil || time.Since(st.Since) < 2*window
		})
	}, natsWait)
	s.restart()
	each(func(d *natsDoor) { d.settle(t) })
	each(func(d *natsDoor) { d.append(t, 100) })
	each(func(d *natsDoor) { d.stop() })
	got := s.read()
	if len(got) != len(dirs) {
		t.Errorf("the stream has %d journals", len(got))
	}
	for i, dir := range dirs {
		checkNATSCopy(t, got[doors[i].ID()], natsEntries(t, dir))
	}
}

// TestNATSPayload is what a message looks like to those who read the stream.
func TestNATSPayload(t *testing.T) {
	s := startNATS(t, "")
	dir := t.TempDir()
	d := openNATSDoor(t, dir, newTestNATS(t, s.settings()))
	d.settle(t)
	d.stop()
	got, want := s.read()[d.ID()], natsEntries(t, dir)
	checkNATSCopy(t, got, want)
	if payload := string(natsFrom().Wrap(nil, want[0])); got[0].sent != payload {
		t.Errorf("got  %s\nwant %s", got[0].sent, payload)
	}
	for name, value := range map[string]string{
		"Lodoor-Journal": d.ID(), "Lodoor-Epoch": want[0].Identity.Epoch, "Lodoor-Seq": "1",
	} {
		if got[0].header.Get(name) != value {
			t.Errorf("header %s is %q, expected %q", name, got[0].header.Get(name), value)
		}
	}
}

// TestNATSTwoAtOnce publishes two journals at the same time, so that their messages come between each other's.
func TestNATSTwoAtOnce(t *testing.T) {
	s := startNATS(t, "")
	s.stream(jetstream.StreamConfig{})
	all := [][]journal.Entry{natsMade("1", 1, 1, 1500), natsMade("2", 1, 1, 1500)}
	errs := make(chan error)
	for _, entries := range all {
		n := newTestNATS(t, s.settings())
		go func() { errs <- natsDrive(t.Context(), n, entries) }()
	}
	for range all {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	got := s.read()
	for _, entries := range all {
		checkNATSOrder(t, got[entries[0].Identity.Journal], entries)
	}
}

// BenchmarkNATS publishes to a server on this machine. One at a time is what a replicated stream gets.
func BenchmarkNATS(b *testing.B) {
	for _, tc := range []struct {
		name   string
		widest int
	}{{"one", 1}, {"window", widestWindow}} {
		b.Run(tc.name, func(b *testing.B) {
			s := startNATS(b, "")
			s.stream(jetstream.StreamConfig{})
			n := newTestNATS(b, s.settings())
			entries := natsMade("1", 1, 1, b.N)
			if _, err := n.Resume(context.Background(), entries[0].Identity.Journal); err != nil {
				b.Fatal(err)
			}
			n.link.widest = tc.widest
			b.ResetTimer()
			if _, err := n.Deliver(context.Background(), entries); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
