package logsink_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/lodoor/lodoor/logsink"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a sink that keeps what it gets.
type memory struct {
	name   string
	events []flow.Event    // wanted; nil is all
	block  <-chan struct{} // Consume waits for it, and not for the context
	fail   error           // of the next Consume
	onLast func()
	hold   bool // keep the records

	mu     sync.Mutex
	got    []uint64
	errs   []error
	missed uint64
	calls  int // that brought records
	ticks  int
	last   int
	held   []*flow.Record
}

func (m *memory) Name() string { return m.name }

func (m *memory) Wants(e flow.Event) bool { return m.events == nil || slices.Contains(m.events, e) }

func (m *memory) Consume(_ context.Context, b flow.Batch) (int, error) {
	if m.block != nil {
		<-m.block
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return 0, m.fail
	}
	for _, e := range b.Entries {
		m.got = append(m.got, e.ID.Seq)
		m.errs = append(m.errs, e.Err)
		if m.hold {
			m.held = append(m.held, e.Record)
		}
	}
	m.missed += b.Missed
	if len(b.Entries) > 0 {
		m.calls++
	}
	if b.Tick {
		m.ticks++
	}
	if b.Last {
		m.last++
		if m.onLast != nil {
			m.onLast()
		}
	}
	return len(b.Entries), nil
}

func (m *memory) seqs() []uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.got)
}

// counter is a journal that numbers records and answers on a goroutine of its own, or never.
type counter struct {
	mu     sync.Mutex
	seq    uint64
	err    error
	silent bool
	queue  chan func()
}

func newCounter(t *testing.T) *counter {
	c := &counter{queue: make(chan func(), 1<<16)}
	var wg sync.WaitGroup
	wg.Go(func() {
		for f := range c.queue {
			f()
		}
	})
	t.Cleanup(func() { close(c.queue); wg.Wait() })
	return c
}

func (c *counter) Append(_ flow.Record, done func(flow.Identity, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	id, err := flow.Identity{Journal: "j", Epoch: "e", Seq: c.seq}, c.err
	if !c.silent {
		c.queue <- func() { done(id, err) }
	}
}

func (c *counter) Add(r flow.Record, done func(flow.Identity, error)) { c.Append(r, done) }

func (c *counter) Flush() {}

// start runs the log and returns what stops it and gives Run's error.
func start(t *testing.T, c logsink.Config) (*logsink.Log, func() error) {
	t.Helper()
	l, err := logsink.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	return l, func() error { cancel(); return <-ended }
}

func open() flow.Record { return flow.Record{Event: flow.EventSessionOpen} }

func sequence(n uint64) []uint64 {
	s := make([]uint64, n)
	for i := range s {
		s[i] = uint64(i) + 1
	}
	return s
}

func TestEverySinkGetsEveryRecordInTheOrderOfCommit(t *testing.T) {
	a, b := &memory{name: "a"}, &memory{name: "b"}
	l, stop := start(t, logsink.Config{Journal: newCounter(t), Sinks: []logsink.Sink{a, b}})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				l.Append(open(), nil)
			}
		})
	}
	wg.Wait()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*memory{a, b} {
		if !slices.Equal(m.seqs(), sequence(2000)) {
			t.Errorf("%s: got %d records, not 2000 in order", m.name, len(m.got))
		}
		if m.last != 1 {
			t.Errorf("%s: got %d last batches", m.name, m.last)
		}
	}
	for _, s := range l.Stats() {
		if s.Delivered != 2000 || s.Dropped != 0 || s.Queued != 0 || !s.Ended {
			t.Errorf("stats %+v", s)
		}
	}
}

func TestStuckSinkHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		stuck, free := &memory{name: "stuck", block: release}, &memory{name: "free"}
		l, stop := start(t, logsink.Config{
			Journal: newCounter(t), Sinks: []logsink.Sink{stuck, free}, Queue: 16, Flush: time.Second,
		})
		answered := 0
		for range 100 {
			l.Append(open(), func(flow.Identity, error) { answered++ })
			synctest.Wait() // all goroutines rest: the stuck one in Consume, the others have done what they can
		}
		<-time.After(time.Second) // what still gathers for the free one is given to it
		if answered != 100 || !slices.Equal(free.seqs(), sequence(100)) {
			t.Errorf("journal answered %d, free sink has %d records: want 100 of each", answered, len(free.seqs()))
		}
		s := l.Stats()[0]
		if s.Queued != 15 || s.Dropped != 85 { // one in Consume, 14 of 16 places for sessions
			t.Errorf("stats of the stuck sink: %+v", s)
		}
		begin := time.Now()
		err := stop()
		if err == nil || !strings.Contains(err.Error(), "stuck has not taken 15 records") {
			t.Errorf("Run said %v", err)
		}
		if took := time.Since(begin); took > 1200*time.Millisecond {
			t.Errorf("the end took %v with a flush of 1s", took)
		}
		close(release)
		synctest.Wait()
		if stuck.missed != 85 {
			t.Errorf("the sink was told of %d missed records, want 85", stuck.missed)
		}
	})
}

// The first record comes at once; while more keep coming, a sink is called 50 times a second and not for each of them.
func TestSinksAreCalledSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{name: "m"}
		l, stop := start(t, logsink.Config{Sinks: []logsink.Sink{m}})
		<-time.After(500 * time.Millisecond)
		l.Append(open(), nil)
		synctest.Wait()
		if m.calls != 1 || len(m.got) != 1 {
			t.Errorf("after a quiet time: %d calls with %d records", m.calls, len(m.got))
		}
		for range 5000 { // a second
			<-time.After(200 * time.Microsecond)
			l.Append(open(), nil)
		}
		synctest.Wait()
		if m.calls < 45 || m.calls > 55 {
			t.Errorf("%d calls in a second of 5000 records", m.calls)
		}
		begin := time.Now()
		if err := stop(); err != nil || time.Since(begin) != 0 || len(m.got) != 5001 {
			t.Errorf("the end took %v and said %v, %d records came", time.Since(begin), err, len(m.got))
		}
	})
}

// A burst does not wait: a sink that keeps up loses nothing, however short the time is in which the records come.
func TestBurstsAreTakenBeforeTheQueueIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{name: "m"}
		l, stop := start(t, logsink.Config{Sinks: []logsink.Sink{m}, Queue: 16})
		for range 1000 {
			l.Append(open(), nil)
			synctest.Wait()
		}
		if err := stop(); err != nil || len(m.got) != 1000 || m.missed != 0 {
			t.Errorf("the end said %v, %d records came, %d are missing", err, len(m.got), m.missed)
		}
	})
}

func TestSessionsLeaveRoomForRefusals(t *testing.T) {
	m := &memory{name: "m"}
	l, err := logsink.New(logsink.Config{Sinks: []logsink.Sink{m}, Queue: 16})
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		l.Append(open(), nil)
		l.Append(flow.Record{Event: flow.EventSessionOrigin}, nil)
	}
	l.Append(flow.Record{Event: flow.EventSessionOrigin}, nil)
	l.Append(flow.Record{Event: flow.EventSessionRefused}, nil)
	l.Append(flow.Record{Event: flow.EventAlert}, nil)
	l.Append(flow.Record{Event: flow.EventAlert}, nil)
	if s := l.Stats()[0]; s.Queued != 16 || s.Dropped != 88 {
		t.Errorf("stats %+v: want 14 sessions, a refusal and an alert queued", s)
	}
}

// However much is asked in sessions, their begin and end have room.
func TestOperationsLeaveRoomForSessions(t *testing.T) {
	l, err := logsink.New(logsink.Config{Sinks: []logsink.Sink{&memory{name: "m"}}, Queue: 16})
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		l.Append(flow.Record{Event: flow.EventOperation}, nil)
	}
	for range 6 {
		l.Append(open(), nil)
	}
	l.Append(flow.Record{Event: flow.EventAlert}, nil)
	if s := l.Stats()[0]; s.Queued != 8+6+1 || s.Dropped != 42 {
		t.Errorf("stats %+v: want 8 operations, 6 sessions and an alert queued", s)
	}
}

func TestWithoutJournalDoneComesAtOnce(t *testing.T) {
	m := &memory{name: "m", events: []flow.Event{flow.EventSessionClose}}
	l, stop := start(t, logsink.Config{Sinks: []logsink.Sink{m}})
	called := false
	l.Append(open(), func(id flow.Identity, err error) { called = id == flow.Identity{} && err == nil })
	if !called {
		t.Error("done was not called before Append returned")
	}
	l.Append(flow.Record{Event: flow.EventSessionClose}, nil)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if len(m.got) != 1 {
		t.Errorf("the sink got %d records, want the one that it wants", len(m.got))
	}
}

func TestRecordThatTheJournalLostStillReachesSinks(t *testing.T) {
	full := errors.New("disk full")
	j, m := newCounter(t), &memory{name: "m"}
	j.err = full
	l, stop := start(t, logsink.Config{Journal: j, Sinks: []logsink.Sink{m}})
	l.Append(open(), nil)
	l.Publish(flow.Identity{Seq: 9}, &flow.Record{Event: flow.EventJournalGap}, nil)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if len(m.errs) != 2 || !slices.Contains(m.errs, full) || !slices.Contains(m.got, 9) {
		t.Errorf("got %v with %v", m.got, m.errs)
	}
}

func TestFailedSinkEndsAndIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, other := &memory{name: "m", fail: errors.New("broken pipe")}, &memory{name: "other"}
		var told []string
		l, stop := start(t, logsink.Config{
			Sinks:  []logsink.Sink{m, other},
			Failed: func(sink string, err error) { told = append(told, fmt.Sprint(sink, ": ", err)) },
		})
		for range 3 {
			l.Append(open(), nil)
			synctest.Wait()
		}
		if !slices.Equal(told, []string{"m: broken pipe"}) {
			t.Errorf("told %q", told)
		}
		if s := l.Stats()[0]; s.Dropped != 3 || s.Queued != 0 || !s.Ended {
			t.Errorf("stats %+v", s)
		}
		if err := stop(); err != nil || len(other.got) != 3 {
			t.Errorf("Run said %v, the other sink got %d", err, len(other.got))
		}
	})
}

func TestTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{name: "m"}
		_, stop := start(t, logsink.Config{Sinks: []logsink.Sink{m}})
		<-time.After(10*time.Second + time.Millisecond)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if m.ticks != 10 {
			t.Errorf("%d ticks in 10 s", m.ticks)
		}
	})
}

// What the alerts' sink appends at the very end must be in the journal and reach the other sinks.
func TestLastWordsOfTheAlertsReachTheOthers(t *testing.T) {
	m := &memory{name: "m"}
	alerts := &memory{name: "alert", events: []flow.Event{flow.EventSessionRefused}}
	l, stop := start(t, logsink.Config{Journal: newCounter(t), Alerts: alerts, Sinks: []logsink.Sink{m}})
	alerts.onLast = func() { l.Append(flow.Record{Event: flow.EventAlert}, nil) }
	l.Append(flow.Record{Event: flow.EventSessionRefused}, nil)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.got, sequence(2)) || !slices.Equal(alerts.got, sequence(1)) {
		t.Errorf("sink got %v, alerts got %v", m.got, alerts.got)
	}
}

func TestSilentJournalDoesNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newCounter(t)
		j.silent = true
		l, stop := start(t, logsink.Config{Journal: j, Sinks: []logsink.Sink{&memory{name: "m"}}, Flush: time.Second})
		l.Append(open(), nil)
		if err := stop(); err == nil || !strings.Contains(err.Error(), "journal has not answered for 1") {
			t.Errorf("Run said %v", err)
		}
	})
}

func TestNewRefusesNegativeSizes(t *testing.T) {
	if _, err := logsink.New(logsink.Config{Queue: -1}); err == nil {
		t.Error("a negative queue was taken")
	}
}

// prompt is a journal that answers at once.
type prompt struct{ flushed int }

func (p *prompt) Append(_ flow.Record, done func(flow.Identity, error)) {
	done(flow.Identity{Seq: 1}, nil)
}
func (p *prompt) Add(r flow.Record, done func(flow.Identity, error)) { p.Append(r, done) }
func (p *prompt) Flush()                                             { p.flushed++ }

// A record is copied only when a sink wants it.
func TestGarbage(t *testing.T) {
	m := &memory{name: "m", events: []flow.Event{flow.EventSessionClose}}
	j := &prompt{}
	l, err := logsink.New(logsink.Config{Journal: j, Sinks: []logsink.Sink{m, m}, Queue: 1})
	if err != nil {
		t.Fatal(err)
	}
	answers := 0
	done := func(flow.Identity, error) { answers++ }
	for e, want := range map[flow.Event]float64{flow.EventSessionOpen: 0, flow.EventSessionClose: 1} {
		r := flow.Record{Event: e}
		for name, give := range map[string]func(){
			"Append": func() { l.Append(r, done) }, "Add": func() { l.Add(r, done) },
		} {
			// AllocsPerRun rounds down: that sync.Pool drops a part under the race detector does not count.
			if got := testing.AllocsPerRun(1000, give); got != want {
				t.Errorf("%s of %s: %v allocations, want %v", name, e, got, want)
			}
		}
	}
	if l.Flush(); j.flushed != 1 || answers != 4*1001 {
		t.Errorf("%d flushes, %d answers", j.flushed, answers)
	}
}

// A record that a sink holds is not the one that comes after it.
func TestRecordsThatSinksHoldStay(t *testing.T) {
	m := &memory{name: "m", hold: true}
	l, stop := start(t, logsink.Config{Journal: &prompt{}, Sinks: []logsink.Sink{m}})
	for i := range 100 {
		l.Add(flow.Record{Event: flow.EventSessionOpen, Service: fmt.Sprint(i)}, nil)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	for i, r := range m.held {
		if r.Service != fmt.Sprint(i) {
			t.Errorf("record %d became record %s", i, r.Service)
		}
	}
	if len(m.held) != 100 {
		t.Errorf("%d records were delivered", len(m.held))
	}
}

func BenchmarkAppend(b *testing.B) {
	m := &memory{name: "m", events: []flow.Event{}}
	l, _ := logsink.New(logsink.Config{Sinks: []logsink.Sink{m, m}})
	r := open()
	for b.Loop() {
		l.Append(r, nil)
	}
}
