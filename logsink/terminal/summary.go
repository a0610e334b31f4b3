package terminal

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// slowest is how many dials a summary names.
const slowest = 3

// Totals are what went through in lodoor's life.
type Totals struct {
	Opened, Closed uint64
	Refused        uint64 // connections
	FromClient     uint64 // bytes, of closed sessions
	FromBackend    uint64
	Lost           uint64  // records that the journal does not have
	Missed         uint64  // records that are not in these totals
	Slowest        []Dial  // the slowest first, at most three
	Gated          uint64  // sessions that a gate refused
	Clients        []Tally // closed sessions by program and user, where known; the most first
	Forwarders     []Tally // closed sessions by who carried them; the most first
}

// Dial is how long it took to connect to a backend.
type Dial struct {
	Service string
	Session flow.SessionID
	Took    time.Duration
}

// Summary is a sink that adds records up.
type Summary struct {
	mu     sync.Mutex
	totals Totals
	failed uint64 // records that the journal refused
	gaps   uint64 // records that it counted as dropped; they may be the same

	clients    tallies[client]
	forwarders tallies[carriage]
}

// Name is "summary".
func (s *Summary) Name() string { return "summary" }

// Wants says which events are added up.
func (s *Summary) Wants(e flow.Event) bool {
	switch e {
	case flow.EventSessionOpen, flow.EventSessionClose, flow.EventSessionRefused, flow.EventJournalGap:
		return true
	default:
		return false
	}
}

// Consume adds up a batch. It never fails.
func (s *Summary) Consume(_ context.Context, b flow.Batch) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.totals.Missed += b.Missed
	for _, e := range b.Entries {
		s.totals.add(e.Record)
		if o := e.Record.Origin; o != nil && e.Record.Event == flow.EventSessionClose {
			s.origin(o)
		}
		if e.Err != nil {
			s.failed++
		}
		if j := e.Record.Journal; j != nil && e.Record.Event == flow.EventJournalGap {
			s.gaps += j.Count
		}
	}
	return len(b.Entries), nil
}

// Totals are the sums so far.
func (s *Summary) Totals() Totals {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.totals
	t.Slowest = slices.Clone(t.Slowest)
	t.Lost = max(s.failed, s.gaps)
	t.Clients = s.clients.list(client.String)
	t.Forwarders = s.forwarders.list(carriage.String)
	return t
}

// origin counts a session that is over, when the most is known about who it was.
func (s *Summary) origin(o *flow.Origin) {
	if o.Known() {
		s.clients.add(client{o.Program, o.User, o.UID})
	}
	if f := o.Forwarder; f != nil {
		s.forwarders.add(carriage{f.Name, f.Zone, f.Own})
	}
}

func (t *Totals) add(r *flow.Record) {
	switch r.Event {
	case flow.EventSessionOpen:
		t.Opened++
	case flow.EventSessionRefused:
		t.Refused += connections(r)
	case flow.EventSessionClose:
		t.Closed++
		if o := r.Outcome; o != nil {
			t.FromClient += o.FromClient
			t.FromBackend += o.FromBackend
			if o.Refused != nil {
				t.Gated++
			}
			if !o.End.DialFailed() && o.End != flow.EndClientGone { // slow is another trouble than down
				t.dial(Dial{r.Service, r.Session, o.Dial})
			}
		}
	}
}

// dial keeps d when it is one of the slowest.
func (t *Totals) dial(d Dial) {
	if d.Took <= 0 || len(t.Slowest) == slowest && d.Took <= t.Slowest[slowest-1].Took {
		return
	}
	t.Slowest = append(t.Slowest, d)
	slices.SortStableFunc(t.Slowest, func(a, b Dial) int { return cmp.Compare(b.Took, a.Took) })
	t.Slowest = t.Slowest[:min(slowest, len(t.Slowest))]
}

// Report says the totals of a run in a few lines. again is the command that shows the records once more; empty when
// there is no journal.
func (t Totals) Report(took time.Duration, again string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s, %d refused, %s up, %s down, in %s\n", count(t.Opened, "session"), t.left(), t.Refused,
		human(t.FromClient), human(t.FromBackend), span(took))
	if again != "" || t.Lost > 0 {
		fmt.Fprintf(&b, "%s lost\n", count(t.Lost, "record"))
	}
	if t.Missed > 0 {
		fmt.Fprintf(&b, "%s came too fast to be added up here\n", count(t.Missed, "record"))
	}
	if t.Gated > 0 {
		fmt.Fprintf(&b, "%s refused at a gate: not the service's protocol, another host, or TLS that is declined\n", count(t.Gated, "session"))
	}
	b.WriteString(tallyWords("clients", t.Clients))
	b.WriteString(tallyWords("forwarders", t.Forwarders))
	if len(t.Slowest) > 0 {
		dials := make([]string, len(t.Slowest))
		for i, d := range t.Slowest {
			dials[i] = fmt.Sprintf("%s %s (%s)", Visible(d.Service), span(d.Took), d.Session.Short())
		}
		fmt.Fprintf(&b, "slowest dials: %s\n", strings.Join(dials, ", "))
	}
	if again != "" {
		fmt.Fprintf(&b, "see it again: %s\n", again)
	}
	return b.String()
}

func (t Totals) left() string {
	if t.Opened <= t.Closed {
		return ""
	}
	return fmt.Sprintf(" (%d not closed)", t.Opened-t.Closed)
}
