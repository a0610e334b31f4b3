package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// natsDoor is a journal that is written, and a feed of it to a destination.
type natsDoor struct {
	*journal.Journal
	feed *journal.Feed
	stop func() // writes journal.stop, delivers what is left, ends the feed
}

func natsFrom() From { return From{Host: flow.Host{Name: "ada", ID: "0123"}, Version: "v0.1.0"} }

func newTestNATS(t testing.TB, s NATSSettings) *NATS {
	t.Helper()
	n, err := NewNATS(NATSConfig{Settings: s, From: natsFrom(), Warn: func(err error) { t.Log(err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func openNATSDoor(t testing.TB, dir string, n *NATS) *natsDoor {
	t.Helper()
	j, err := journal.Open(journal.Config{Settings: journal.Settings{Dir: dir, RotateSize: 64 << 10}, Version: "v0.1.0"})
	if err != nil {
		t.Fatal(err)
	}
	feed, err := j.Feed(journal.FeedConfig{Destination: n, Warn: func(err error) { t.Log("feed:", err) }})
	if err != nil {
		t.Fatal(err)
	}
	writing, endWriting := context.WithCancel(context.Background())
	feeding, endFeeding := context.WithCancel(context.Background())
	wrote, fed := make(chan error, 1), make(chan error, 1)
	go func() { wrote <- j.Run(writing) }()
	go func() { fed <- feed.Run(feeding) }()
	d := &natsDoor{Journal: j, feed: feed}
	d.stop = sync.OnceFunc(func() {
		endWriting()
		if err := <-wrote; err != nil {
			t.Error(err)
		}
		endFeeding()
		if err := <-fed; err != nil {
			t.Error(err)
		}
		_ = n.Close()
	})
	t.Cleanup(d.stop)
	return d
}

// append appends n records and waits until they are in the journal.
func (d *natsDoor) append(t testing.TB, n int) {
	t.Helper()
	var written sync.WaitGroup
	for i := range n {
		written.Add(1)
		d.Append(natsEvent(i), func(_ flow.Identity, err error) {
			if err != nil {
				t.Error(err)
			}
			written.Done()
		})
	}
	written.Wait()
}

// settle waits until the feed has delivered all.
func (d *natsDoor) settle(t testing.TB) {
	t.Helper()
	testkit.Wait(t, "the feed", func() bool { return d.feed.Stats().Behind == 0 }, 2*natsWait)
}

func natsEvent(i int) flow.Record {
	return flow.Record{Event: flow.EventConfigLoaded, Config: &flow.Config{Hash: fmt.Sprintf("%064x", i), Source: "flags"}}
}

// natsEntries are the records of a journal.
func natsEntries(t testing.TB, dir string) []journal.Entry {
	t.Helper()
	var all []journal.Entry
	for e, err := range journal.Read(dir, journal.From{}) {
		if err != nil {
			t.Fatal(err)
		}
		e.Line = slices.Clone(e.Line)
		all = append(all, e)
	}
	return all
}

// checkNATSCopy wants what the stream has of a journal to be the journal: each record once, in order, and a chain that
// holds from its beginning to its end.
func checkNATSCopy(t testing.TB, got []natsRecord, want []journal.Entry) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i].id != want[i].Identity || got[i].record != string(want[i].Line) {
			t.Fatalf("message %d of %d is\n%v %s, expected\n%v %s", i+1, len(got), got[i].id, got[i].record, want[i].Identity,
				want[i].Line)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("the stream has %d records, the journal %d", len(got), len(want))
	}
	chain := sha256.Sum256([]byte(got[0].id.Journal))
	for _, r := range got {
		chain = checkNATSLink(t, chain, r)
	}
}

// checkNATSLink checks one record's chain and returns its value.
func checkNATSLink(t testing.TB, before [sha256.Size]byte, r natsRecord) [sha256.Size]byte {
	t.Helper()
	covered, rest, _ := strings.Cut(r.record, natsChainKey)
	sum := sha256.Sum256(append(before[:], covered...))
	if said := strings.TrimSuffix(rest, `"}`); said != hex.EncodeToString(sum[:]) {
		t.Fatalf("the chain is broken at %v: %s", r.id, r.record)
	}
	return sum
}

// natsDrive delivers all entries as a feed does, but without its pauses, until the destination has them or give up.
func natsDrive(ctx context.Context, n *NATS, entries []journal.Entry) error {
	for {
		id, err := n.Resume(ctx, entries[0].Identity.Journal)
		for next := natsBehind(entries, id); err == nil && next < len(entries); {
			var taken int
			taken, err = n.Deliver(ctx, entries[next:])
			next += taken
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// natsBehind is where a feed goes on when the destination's last record is id.
func natsBehind(entries []journal.Entry, id flow.Identity) int {
	known := false
	for i := range entries {
		switch e := entries[i].Identity; {
		case e.Epoch == id.Epoch && e.Seq == id.Seq:
			return i + 1
		case e.Epoch == id.Epoch:
			known = true
		case known:
			return i
		}
	}
	if known {
		return len(entries)
	}
	return 0
}
