package export

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/journal"
)

// natsLate leaves a window of four records on its way: they were sent, the destination has given up, and they arrive
// when the returned pipe is let go.
func natsLate(t *testing.T, s *natsServer, entries []journal.Entry) *natsPipe {
	t.Helper()
	p := startNATSProxy(t, s, nil)
	settings := s.settings()
	settings.Servers = []string{p.url()}
	n := newTestNATS(t, settings)
	if _, err := n.Resume(t.Context(), entries[0].Identity.Journal); err != nil {
		t.Fatal(err)
	}
	before := len(entries) - 4
	if taken, err := n.Deliver(t.Context(), entries[:before]); taken != before || err != nil {
		t.Fatal(taken, err)
	}
	pipe := p.last()
	pipe.hold(true)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := n.Deliver(ctx, entries[before:])
		failed <- err
	}()
	natsKept(t, pipe, 4*len(entries[0].Line))
	cancel()
	if err := <-failed; err == nil {
		t.Fatal("it was delivered while it was held")
	}
	testkit.Wait(t, "the end of the connection", func() bool {
		pipe.mu.Lock()
		defer pipe.mu.Unlock()
		return pipe.eof
	}, natsWait)
	return pipe
}

// natsKept waits until the proxy holds something that was sent.
func natsKept(t *testing.T, p *natsPipe, bytes int) {
	t.Helper()
	testkit.Wait(t, "messages", func() bool { return p.keeps() > bytes }, natsWait)
}

// arrive lets the pipe go and waits until the server has read everything.
func (p *natsPipe) arrive(t *testing.T) {
	t.Helper()
	p.hold(false)
	testkit.Wait(t, "what was late", func() bool { return p.keeps() == 0 }, natsWait)
}

// TestNATSLate: what was given up arrives after others were published in its place, record by record, and on the next
// connection all goes on. Either the journal is still the same, or it has lost what was given up and has other records
// of the same numbers.
func TestNATSLate(t *testing.T) {
	const before = 16
	s := startNATS(t, "")
	s.stream(jetstream.StreamConfig{Duplicates: 100 * time.Millisecond})
	for i, lost := range []bool{false, true} {
		for between := range 6 {
			digit := string("0123456789ab"[6*i+between])
			entries := natsMade(digit, 1, 1, before+4)
			pipe := natsLate(t, s, entries)
			if lost {
				entries = natsLose(entries, before+1, 2, 8)
			} else {
				entries = append(entries, natsMade(digit, 1, len(entries)+1, 4)...)
			}
			n := newTestNATS(t, s.settings())
			id, err := n.Resume(t.Context(), entries[0].Identity.Journal)
			if err != nil || id != entries[before-1].Identity {
				t.Fatal(id, err)
			}
			if _, err := n.Deliver(t.Context(), entries[before:before+between]); err != nil {
				t.Fatal(err)
			}
			pipe.arrive(t)
			_, _ = n.Deliver(t.Context(), entries[before+between:]) // an error is as good
			if err := natsDrive(t.Context(), n, entries); err != nil {
				t.Fatal(err)
			}
			checkNATSEpochs(t, s.read()[entries[0].Identity.Journal], entries)
		}
	}
}

// TestNATSEpochLost: of the stream's last epoch nothing is left in the journal. The feed then begins with the oldest.
func TestNATSEpochLost(t *testing.T) {
	s := startNATS(t, "")
	first := natsMade("1", 1, 1, 5000)
	second := natsLose(first, 4801, 2, 100)
	third := natsLose(first, 4501, 3, 500)
	for _, entries := range [][]journal.Entry{first, second, third} {
		if err := natsDrive(t.Context(), newTestNATS(t, s.settings()), entries); err != nil {
			t.Fatal(err)
		}
	}
	want := slices.Concat(first, second[4800:], third[4500:])
	checkNATSOrder(t, s.read()[first[0].Identity.Journal], want)
}

// TestNATSCuts cuts connections in the middle of what is published and of what is answered, lets some of it arrive
// late, ends the publisher, and takes records off the journal's end.
func TestNATSCuts(t *testing.T) {
	rounds := 8
	if os.Getenv("LODOOR_SOAK") == "1" {
		rounds = 400
	}
	s := startNATS(t, "")
	s.stream(jetstream.StreamConfig{Duplicates: 100 * time.Millisecond})
	proxy := startNATSProxy(t, s, func(p *natsPipe) {
		p.up, p.down = 1+rand.IntN(120<<10), 1+rand.IntN(30<<10)
		if rand.IntN(2) == 0 {
			p.late = time.Duration(1 + rand.IntN(int(30*time.Millisecond)))
		}
	})
	settings := s.settings()
	settings.Servers = []string{proxy.url()}
	done := make(chan []journal.Entry)
	for _, digit := range []string{"1", "2"} {
		go func() { done <- natsCut(t, digit, rounds, settings) }()
	}
	all := [][]journal.Entry{<-done, <-done}
	for _, entries := range all {
		if err := natsDrive(t.Context(), newTestNATS(t, s.settings()), entries); err != nil {
			t.Fatal(err)
		}
	}
	got := s.read()
	for _, entries := range all {
		checkNATSEpochs(t, got[entries[0].Identity.Journal], entries)
	}
}

// natsCut publishes a journal that grows, and returns it.
func natsCut(t *testing.T, digit string, rounds int, settings NATSSettings) []journal.Entry {
	entries := natsMade(digit, 1, 1, 300)
	for round := range rounds {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(int(400*time.Millisecond))))
		n := newTestNATS(t, settings)
		_ = natsDrive(ctx, n, entries)
		cancel()
		_ = n.Close()
		if rand.IntN(2) == 0 {
			seq := max(2, len(entries)+1-rand.IntN(400))
			entries = natsLose(entries, seq, round+2, 300)
			continue
		}
		last := entries[len(entries)-1].Identity
		entries = append(entries, natsMade(digit, natsEpochNumber(last.Epoch), int(last.Seq)+1, 300)...)
	}
	return entries
}
