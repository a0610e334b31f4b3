package terminal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink"
	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func console(t *testing.T, c terminal.Config) *terminal.Console {
	t.Helper()
	c.Format.Location = time.UTC
	k, err := terminal.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func entries(n int, r flow.Record) []*flow.Entry {
	list := make([]*flow.Entry, n)
	for i := range list {
		list[i] = &flow.Entry{Record: &r}
	}
	return list
}

// consume gives the console a batch and returns what it wrote.
func consume(t *testing.T, k *terminal.Console, out *bytes.Buffer, b flow.Batch) string {
	t.Helper()
	out.Reset()
	n, err := k.Consume(context.Background(), b)
	if err != nil || n != len(b.Entries) {
		t.Fatalf("took %d of %d entries: %v", n, len(b.Entries), err)
	}
	return out.String()
}

func TestBusySecondsAreCounted(t *testing.T) {
	var out bytes.Buffer
	k := console(t, terminal.Config{Out: &out})
	now := at()
	tick := func(b flow.Batch) string {
		now = now.Add(time.Second)
		b.Tick, b.Now = true, now
		return consume(t, k, &out, b)
	}
	batch := func(parts ...[]*flow.Entry) (b flow.Batch) {
		for _, p := range parts {
			b.Entries = append(b.Entries, p...)
		}
		return b
	}
	fin, bad := closed(flow.Outcome{Known: true, End: flow.EndFIN}), closed(flow.Outcome{End: flow.EndReset})
	none := refused(flow.Refusal{Count: 1})

	tick(flow.Batch{})
	if got := tick(batch(entries(20, opened()), entries(20, fin))); strings.Count(got, "\n") != 40 {
		t.Errorf("20 opens and 20 closes a second are not shown one by one:\n%s", got)
	}
	got := tick(batch(entries(212, opened()), entries(206, fin), entries(3, bad), entries(1, none), entries(2, alert())))
	if n := strings.Count(got, " open "); n != 20 {
		t.Errorf("%d opens are shown before counting begins", n)
	}
	if strings.Count(got, " close ") != 0 || strings.Count(got, "REFUSED") != 1 || strings.Count(got, "ALERT") != 2 {
		t.Errorf("want no close, each refusal and each alert:\n%s", got)
	}
	if !strings.Contains(got, "busy      192 more opened, 209 closed (3 not in order) in the last second\n") {
		t.Errorf("the counts are missing:\n%s", got)
	}
	got = tick(batch(entries(30, opened())))
	if want := "15:04:09.123  busy      30 opened, 0 closed in the last second\n"; got != want {
		t.Errorf("in the second busy second: got %q, want %q", got, want)
	}
	tick(flow.Batch{})
	if got = tick(batch(entries(1, opened()))); !strings.Contains(got, " open ") {
		t.Errorf("after a quiet second opens are not shown: %q", got)
	}
}

func TestRefusalsAreGrouped(t *testing.T) {
	var out bytes.Buffer
	k := console(t, terminal.Config{Out: &out, Quiet: true})
	consume(t, k, &out, flow.Batch{Tick: true, Now: at()})
	b := flow.Batch{Entries: entries(25, refused(flow.Refusal{Count: 10})), Tick: true, Now: at().Add(3 * time.Second)}
	got := consume(t, k, &out, b)
	if strings.Count(got, "\n") != 21 || !strings.HasSuffix(got, "REFUSED   50 connections more in the last 3s\n") {
		t.Errorf("want 20 lines and one that counts:\n%s", got)
	}
}

func TestNothingIsHeldBackAtTheEnd(t *testing.T) {
	var out bytes.Buffer
	k := console(t, terminal.Config{Out: &out, Rate: 1})
	got := consume(t, k, &out, flow.Batch{Entries: entries(3, opened()), Missed: 17, Last: true, Now: at()})
	for _, want := range []string{" open ", "2 more opened", "17 lines not shown"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
}

func TestRecordOutsideTheJournalIsMarked(t *testing.T) {
	var out bytes.Buffer
	list := entries(1, opened())
	list[0].Err = errors.New("disk full")
	got := consume(t, console(t, terminal.Config{Out: &out}), &out, flow.Batch{Entries: list})
	if !strings.HasSuffix(got, "NOT IN THE JOURNAL: disk full\n") {
		t.Errorf("got %q", got)
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	encode := func(dst []byte, id flow.Identity, r *flow.Record) ([]byte, error) {
		return fmt.Appendf(dst, `{"seq":%d,"event":%q}`, id.Seq, r.Event), nil
	}
	k := console(t, terminal.Config{Out: &out, Encode: encode, Rate: 1})
	got := consume(t, k, &out, flow.Batch{Entries: entries(3, opened()), Missed: 2, Tick: true, Now: at()})
	want := strings.Repeat(`{"seq":0,"event":"session.open"}`+"\n", 3) +
		`{"time":"2025-03-04T15:04:05.123456789Z","event":"console.missed","count":2}` + "\n"
	if got != want {
		t.Errorf("got %s", got)
	}
}

func TestQuietWantsOnlyWhatMatters(t *testing.T) {
	k := console(t, terminal.Config{Out: io.Discard, Quiet: true})
	for e, want := range map[flow.Event]bool{
		flow.EventSessionOpen: false, flow.EventSessionClose: false, flow.EventSessionRefused: true,
		flow.EventAlert: true, flow.EventJournalGap: true, flow.EventConfigRejected: true,
	} {
		if k.Wants(e) != want {
			t.Errorf("wants %s: %v", e, !want)
		}
	}
}

func TestHeartbeatsAreForPrograms(t *testing.T) {
	people := console(t, terminal.Config{Out: io.Discard})
	programs := console(t, terminal.Config{Out: io.Discard, Encode: func(b []byte, _ flow.Identity, _ *flow.Record) ([]byte, error) {
		return b, nil
	}})
	if e := flow.EventJournalHeartbeat; people.Wants(e) || !programs.Wants(e) {
		t.Errorf("people want them: %v, programs: %v", people.Wants(e), programs.Wants(e))
	}
}

// pipe is a real pipe; its ends are closed with the test.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

func TestClosedPipeEndsTheConsoleOnly(t *testing.T) {
	r, w := pipe(t)
	_ = r.Close()
	failed := make(chan error, 1)
	l, err := logsink.New(logsink.Config{
		Sinks:  []logsink.Sink{console(t, terminal.Config{Out: w})},
		Failed: func(_ string, err error) { failed <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	l.Append(opened(), nil)
	if err := <-failed; !errors.Is(err, syscall.EPIPE) {
		t.Errorf("told %v", err)
	}
	l.Append(opened(), nil)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A pipe that nobody reads fills, blocks the console and nothing else; what found no room is told afterwards.
func TestFullPipeBlocksTheConsoleOnly(t *testing.T) {
	r, w := pipe(t)
	summary := &terminal.Summary{}
	l, err := logsink.New(logsink.Config{
		Sinks: []logsink.Sink{console(t, terminal.Config{Out: w, Rate: 1 << 30}), summary}, Queue: 8192,
		Flush: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	const n = 20000
	answered := 0
	for i := uint64(1); i <= n; i++ {
		l.Append(opened(), func(flow.Identity, error) { answered++ })
		// The test must not be what fills the other sink's queue.
		testkit.Wait(t, "the summary", func() bool { return i-summary.Totals().Opened <= 4096 }, 10*time.Second)
	}
	cancel()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "console has not taken") {
		t.Errorf("Run said %v", err)
	}
	if got := summary.Totals(); answered != n || got.Opened != n || got.Missed != 0 {
		t.Errorf("%d of %d appends were answered, the other sink has %+v", answered, n, got)
	}
	lines := make(chan string)
	go func() {
		all, _ := io.ReadAll(r)
		lines <- string(all)
	}()
	// Run has left the console's goroutine behind; now that the pipe is read its write ends.
	testkit.Wait(t, "the console's write", func() bool { return l.Stats()[0].Ended }, 10*time.Second)
	_ = w.Close()
	if got := <-lines; !strings.Contains(got, " open ") {
		t.Errorf("the pipe got %d bytes without lines", len(got))
	}
	if s := l.Stats()[0]; s.Dropped == 0 || s.Delivered+s.Dropped != n {
		t.Errorf("stats %+v: want each of %d records counted once, some as dropped", s, n)
	}
}
