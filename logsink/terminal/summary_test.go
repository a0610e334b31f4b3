package terminal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestSummary(t *testing.T) {
	var s terminal.Summary
	b := flow.Batch{Entries: entries(6, opened()), Missed: 1}
	for i, dial := range []time.Duration{3, 50, 2, 0, 70} {
		r := closed(flow.Outcome{Known: true, FromClient: 1024, FromBackend: 2048, Dial: dial * time.Millisecond})
		r.Session = id(string(rune('a' + i)))
		b.Entries = append(b.Entries, &flow.Entry{Record: &r})
	}
	add := func(n int, origin *flow.Origin, o flow.Outcome) {
		r := closed(o)
		r.Origin = origin
		b.Entries = append(b.Entries, entries(n, r)...)
	}
	// A backend that was not reached, and a client that did not wait for it, say nothing of how slow it is.
	add(2, carried(sshd()), flow.Outcome{End: flow.EndDialTimeout, Dial: time.Minute})
	add(1, carried(flow.Forwarder{Name: "sshd"}), flow.Outcome{End: flow.EndClientGone, Dial: time.Minute})
	add(2, &flow.Origin{Attribution: flow.AttributionUIDOnly, UID: 1000}, flow.Outcome{})
	add(1, nil, flow.Outcome{End: flow.EndDenied, Refused: &flow.Verdict{}})
	b.Entries = append(b.Entries, entries(6, opened())...)
	b.Entries = append(b.Entries, entries(1, refused(flow.Refusal{Count: 9998}))...)
	b.Entries = append(b.Entries, entries(2, refused(flow.Refusal{Count: 1}))...)
	b.Entries[0].Err = errors.New("disk full")
	gap := flow.Record{Event: flow.EventJournalGap, Journal: &flow.Journal{Count: 4}}
	b.Entries = append(b.Entries, entries(1, gap)...)
	if n, err := s.Consume(context.Background(), b); err != nil || n != len(b.Entries) {
		t.Fatal(n, err)
	}
	got := s.Totals().Report(5*time.Minute+12*time.Second, "lodoor logs --since 2025-03-04T15:04:05Z")
	want := `12 sessions (1 not closed), 10000 refused, 5 KiB up, 10 KiB down, in 5m12s
4 records lost
1 record came too fast to be added up here
1 session refused at a gate: not the service's protocol, another host, or TLS that is declined
clients: psql (alice): 5, sshd (alice): 3, uid 1000: 2
forwarders: sshd from zone lan: 2, sshd, from where is not known: 1
slowest dials: pg 70ms (e00000), pg 50ms (b00000), pg 3ms (a00000)
see it again: lodoor logs --since 2025-03-04T15:04:05Z
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestReportOfNothing(t *testing.T) {
	got := terminal.Totals{}.Report(1500*time.Millisecond, "")
	if want := "0 sessions, 0 refused, 0 B up, 0 B down, in 1.5s\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Who connects chooses what there is to be counted, so only so many kinds are told apart, and few are named.
func TestSummaryIsBounded(t *testing.T) {
	var s terminal.Summary
	for i := range 1000 {
		r := closed(flow.Outcome{})
		r.Origin.Program = fmt.Sprint("p", i)
		n := 1
		if i == 7 {
			n = 3
		}
		if _, err := s.Consume(context.Background(), flow.Batch{Entries: entries(n, r)}); err != nil {
			t.Fatal(err)
		}
	}
	clients := s.Totals().Clients
	if len(clients) != 257 || clients[0] != (terminal.Tally{Kind: "p7 (alice)", Count: 3}) || clients[256].Count != 744 {
		t.Errorf("%d kinds, the first is %+v, the last %+v", len(clients), clients[0], clients[len(clients)-1])
	}
	want := "clients: p7 (alice): 3, p0 (alice): 1, p1 (alice): 1, p10 (alice): 1, p100 (alice): 1, others: 995\n"
	if got := s.Totals().Report(0, ""); !strings.Contains(got, want) {
		t.Errorf("got %q, want %q in it", got, want)
	}
}

// Neither a service's name, which comes from a configuration, nor that of a program can colour the report.
func TestReportEscapes(t *testing.T) {
	r := terminal.Totals{
		Slowest: []terminal.Dial{{Service: "a\x1b[31m", Took: time.Second}}, Clients: []terminal.Tally{{Kind: "\x1b[31m"}},
		Forwarders: []terminal.Tally{{Kind: "\x1b[31m"}},
	}.Report(0, "x")
	for _, b := range []byte(r) {
		if b < ' ' && b != '\n' {
			t.Errorf("%#x in %q", b, r)
		}
	}
}
