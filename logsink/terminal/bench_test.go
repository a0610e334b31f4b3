package terminal_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// BenchmarkConsume gives the console sessions, one after another as loops do: their opens, and later their closes. An
// operation is one session. "searched" are those of which the open knows only the user, and whose process is told by a
// record of its own.
func BenchmarkConsume(b *testing.B) {
	fin := flow.Outcome{
		Known: true, FromClient: 1229, FromBackend: 3 << 20, Duration: 1204 * time.Microsecond, End: flow.EndFIN,
	}
	known, uid, found := opened(), opened(), opened()
	uid.Origin = &flow.Origin{Attribution: flow.AttributionUIDOnly, UID: 1000, User: "alice"}
	found.Event = flow.EventSessionOrigin
	end := closed(fin)
	for name, test := range map[string]struct {
		rate   int // so high that each session has its lines, or so low that they are only counted
		origin bool
		open   flow.Record
	}{
		"shown/known":      {rate: 1 << 40, open: known},
		"shown/uid":        {rate: 1 << 40, open: uid},
		"shown/searched":   {rate: 1 << 40, open: uid, origin: true},
		"counted/known":    {rate: 20, open: known},
		"counted/uid":      {rate: 20, open: uid},
		"counted/searched": {rate: 20, open: uid, origin: true},
	} {
		b.Run(name, func(b *testing.B) {
			const batch = 50
			c, err := terminal.New(terminal.Config{Out: io.Discard, Rate: test.rate})
			if err != nil {
				b.Fatal(err)
			}
			sessions := sequence(batch, test.open, found, end, test.origin)
			b.ReportAllocs()
			for done := 0; done < b.N; done += batch {
				if _, err := c.Consume(context.Background(), flow.Batch{Entries: sessions, Now: at()}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// sequence is n sessions: their opens, their origins when there are any, their closes.
func sequence(n int, open, origin, end flow.Record, withOrigin bool) (list []*flow.Entry) {
	add := func(r flow.Record, i int) {
		r.Session = id("k3v9q" + string(rune('a'+i%26)) + string(rune('a'+i/26)))
		list = append(list, &flow.Entry{Record: &r})
	}
	for i := range n {
		add(open, i)
	}
	for i := range n {
		if withOrigin {
			add(origin, i)
		}
	}
	for i := range n {
		add(end, i)
	}
	return list
}

// BenchmarkSummary adds sessions up; an operation is one session.
func BenchmarkSummary(b *testing.B) {
	const batch = 50
	end := closed(flow.Outcome{Known: true, FromClient: 1229, FromBackend: 3 << 20, Dial: time.Millisecond})
	var s terminal.Summary
	sessions := sequence(batch, opened(), opened(), end, false)
	b.ReportAllocs()
	for done := 0; done < b.N; done += batch {
		if _, err := s.Consume(context.Background(), flow.Batch{Entries: sessions, Now: at()}); err != nil {
			b.Fatal(err)
		}
	}
}
