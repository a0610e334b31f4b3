package terminal_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodoor/lodoor/logsink"
	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// screen is what a console has shown, and when.
type screen struct {
	mu    sync.Mutex
	begin time.Time
	lines []string
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line)
		s.lines = append(s.lines, fmt.Sprint(time.Since(s.begin), " ", strings.Join(words[1:4], " ")))
	}
	return len(b), nil
}

// seen gives event, session and program of each line behind the time at which it came, and forgets them.
func (s *screen) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := strings.Join(s.lines, "\n")
	s.lines = nil
	return lines
}

// run starts a console in a log, within a bubble, and returns its screen and what stops it.
func run(t *testing.T, c terminal.Config) (*logsink.Log, *screen, func()) {
	t.Helper()
	s := &screen{begin: time.Now()}
	c.Out = s
	l, err := logsink.New(logsink.Config{Sinks: []logsink.Sink{console(t, c)}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	return l, s, func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func equal(t *testing.T, what, got string, want ...string) {
	t.Helper()
	if joined := strings.Join(want, "\n"); got != joined {
		t.Errorf("%s:\ngot\n%s\nwant\n%s", what, got, joined)
	}
}

func named(r flow.Record, session string) flow.Record {
	r.Session = id(session)
	return r
}

// The log wakes the console when the time is over, whether or not something else comes.
func TestAnOpenWaitsFiftyMillisecondsForItsProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s, stop := run(t, terminal.Config{})
		defer stop()
		l.Append(named(searched(), "aaaaaa"), nil)
		pass(49 * time.Millisecond)
		equal(t, "before", s.seen())
		pass(10 * time.Millisecond)
		equal(t, "nothing is known", s.seen(), "50ms open aaaaaa alice")

		s.begin = time.Now()
		l.Append(named(searched(), "bbbbbb"), nil)
		pass(45 * time.Millisecond) // what comes now makes the log rest, which must not be at the cost of b
		l.Append(named(opened(), "cccccc"), nil)
		pass(20 * time.Millisecond)
		equal(t, "while others come", s.seen(), "45ms open cccccc psql[42]", "50ms open bbbbbb alice")
	})
}

func TestAnOpenIsShownWhenItsProgramIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s, stop := run(t, terminal.Config{})
		defer stop()
		l.Append(named(searched(), "aaaaaa"), nil)
		pass(3 * time.Millisecond)
		l.Append(named(opened(), "bbbbbb"), nil)
		l.Append(named(found(psql()), "aaaaaa"), nil)
		pass(time.Second)
		equal(t, "found", s.seen(), "20ms open bbbbbb psql[42]", "20ms open aaaaaa psql[42]")

		s.begin = time.Now()
		l.Append(named(searched(), "cccccc"), nil)
		pass(30 * time.Millisecond)
		l.Append(named(closed(flow.Outcome{Known: true, End: flow.EndFIN}), "cccccc"), nil)
		pass(time.Second)
		equal(t, "the close tells", s.seen(), "30ms open cccccc psql[42]", "30ms close cccccc psql")
	})
}

func TestHeldLinesAreShownAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s, stop := run(t, terminal.Config{})
		l.Append(named(searched(), "aaaaaa"), nil)
		l.Append(named(searched(), "bbbbbb"), nil)
		pass(10 * time.Millisecond)
		stop()
		equal(t, "at the end", s.seen(), "10ms open aaaaaa alice", "10ms open bbbbbb alice")
	})
}

func TestOnlyWhatMayBecomeKnownWaits(t *testing.T) {
	remote, blind, nobody, observed := searched(), searched(), searched(), searched()
	observed.Verdict = &flow.Verdict{Action: flow.WouldDeny}
	unnamed := searched()
	unnamed.Session = flow.SessionID{}
	remote.Peer, blind.Peer, nobody.Origin = distant(), nil, nil
	tests := []struct {
		name string
		r    flow.Record
		held bool
	}{
		{"no program", searched(), true}, {"nothing known", nobody, true}, {"known", opened(), false},
		{"not local", remote, false}, {"no peer", blind, false}, {"no session", unnamed, false},
		{"would be refused", observed, false}, {"a close", closed(flow.Outcome{}), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			k := console(t, terminal.Config{Out: &out})
			got := consume(t, k, &out, flow.Batch{Entries: entries(1, test.r), Now: at()})
			if (got == "") != test.held || k.Wake().IsZero() == test.held {
				t.Errorf("held %v, wakes at %v: want held %v", got == "", k.Wake(), test.held)
			}
			if test.held && !k.Wake().Equal(at().Add(50*time.Millisecond)) {
				t.Errorf("wakes at %v", k.Wake())
			}
		})
	}
}

// JSON is for programs, which read session.origin themselves; --quiet shows no opens.
func TestJSONDoesNotWait(t *testing.T) {
	var out bytes.Buffer
	encode := func(dst []byte, _ flow.Identity, r *flow.Record) ([]byte, error) {
		return fmt.Append(dst, r.Event, " ", r.Origin.Program), nil
	}
	k := console(t, terminal.Config{Out: &out, Encode: encode})
	list := append(entries(1, searched()), entries(1, found(psql()))...)
	got := consume(t, k, &out, flow.Batch{Entries: list, Now: at()})
	equal(t, "as they come", got, "session.open ", "session.origin psql\n")
	if !k.Wake().IsZero() || console(t, terminal.Config{Out: &out, Quiet: true}).Wants(flow.EventSessionOrigin) {
		t.Errorf("wakes at %v", k.Wake())
	}
}

func TestTooManyAreNotHeld(t *testing.T) {
	var out bytes.Buffer
	k := console(t, terminal.Config{Out: &out, Rate: 1000})
	var list []*flow.Entry
	for i := range 100 {
		list = append(list, entries(1, named(searched(), fmt.Sprint(100000+i)))...)
	}
	got := consume(t, k, &out, flow.Batch{Entries: list, Now: at()})
	if n := strings.Count(got, " open "); n != 36 {
		t.Errorf("%d of 100 opens are shown at once, want all but 64", n)
	}
	got = consume(t, k, &out, flow.Batch{Now: at().Add(time.Second)})
	shown := regexp.MustCompile(` open +(\d+) `).FindAllStringSubmatch(got, -1)
	if len(shown) != 64 || shown[0][1] != "100000" || shown[63][1] != "100063" || !k.Wake().IsZero() {
		t.Errorf("want the other 64 in their order:\n%s", got)
	}
}

// A line that the open has already said, or that the close will say, is not worth one of its own.
func TestOriginsThatComeLate(t *testing.T) {
	tests := []struct {
		name   string
		origin *flow.Origin
		want   string
	}{
		{"a program", psql(), ""},
		{"a forwarder", carried(sshd()), "via sshd from 192.0.2.7 (lan)\n"},
		{"several holders", inherited(0), "held by psql[42], psql[43], psql[44]\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			k := console(t, terminal.Config{Out: &out})
			late := entries(1, found(test.origin))
			got := consume(t, k, &out, flow.Batch{Entries: late, Now: at()})
			if (got == "") != (test.want == "") || !strings.HasSuffix(got, test.want) {
				t.Errorf("late: got %q, want %q", got, test.want)
			}
			if got != "" && !strings.Contains(got, "  origin    ") {
				t.Errorf("got %q", got)
			}
			got = consume(t, k, &out, flow.Batch{Entries: append(entries(1, searched()), late...), Now: at()})
			if strings.Count(got, "\n") != 1 || !strings.Contains(got, "  open  ") || !strings.HasSuffix(got, test.want) {
				t.Errorf("in time: got %q, want one line with %q", got, test.want)
			}
		})
	}
}

// In a storm neither opens wait nor origins have lines: they are counted.
func TestBusySecondsHoldNothing(t *testing.T) {
	var out bytes.Buffer
	k := console(t, terminal.Config{Out: &out, Rate: 2})
	consume(t, k, &out, flow.Batch{Tick: true, Now: at()})
	var list []*flow.Entry
	for i := range 100 {
		list = append(list, entries(1, named(searched(), fmt.Sprint(100000+i)))...)
	}
	for i := range 100 {
		list = append(list, entries(1, named(found(carried(sshd())), fmt.Sprint(100000+i)))...)
	}
	got := consume(t, k, &out, flow.Batch{Entries: list, Tick: true, Now: at().Add(time.Second)})
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if len(lines) != 3 || !strings.Contains(lines[1], "open      100001  sshd[42] (alice)") ||
		!strings.HasSuffix(lines[2], "98 more opened, 0 closed in the last second") {
		t.Errorf("want two opens with their programs, and a count:\n%s", got)
	}
	if !k.Wake().IsZero() {
		t.Error("something is held")
	}
	late := entries(1, found(carried(sshd())))
	if got = consume(t, k, &out, flow.Batch{Entries: late, Now: at()}); got != "" {
		t.Errorf("while sessions are only counted: %s", got)
	}
}

// What was held tells what the open knew, and that it is not in the journal.
func TestWhatIsHeldIsShownWhole(t *testing.T) {
	var out bytes.Buffer
	k := console(t, terminal.Config{Out: &out})
	open := searched()
	list := append(entries(1, open), entries(1, found(&flow.Origin{}))...)
	list[0].Err = io.ErrShortWrite
	got := consume(t, k, &out, flow.Batch{Entries: list, Now: at()})
	want := "15:04:05.123  open      k3v9qd  alice                     127.0.0.1:51234        " +
		"NOT IN THE JOURNAL: short write\n"
	equal(t, "an answer that knows nothing", got, want)
	uid := list[0].Record.Origin
	list[1] = entries(1, found(psql()))[0]
	got = consume(t, k, &out, flow.Batch{Entries: list, Now: at()})
	if !strings.Contains(got, "psql[42] (alice)") || list[0].Record.Origin != uid {
		t.Errorf("the record, which all sinks share, was changed, or not shown with its program: %s", got)
	}
}
