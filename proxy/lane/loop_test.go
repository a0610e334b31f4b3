//go:build linux && !portable

package lane_test

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
	"github.com/lodoor/lodoor/proxy/lane/lanetest"
)

// newLoop makes lanes as c says, with bounds that a slow machine keeps.
func newLoop(c lane.LoopConfig) func(t *testing.T) lane.Lane {
	return func(t *testing.T) lane.Lane { return loop(t, c) }
}

func loop(t testing.TB, c lane.LoopConfig) *lane.Loop {
	t.Helper()
	c.Stall, c.Flush = 3*time.Second, time.Minute
	l, err := lane.NewLoop(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestLoop runs the whole suite with two loops, and with LODOOR_SOAK=1 in the other forms, too.
func TestLoop(t *testing.T) {
	t.Run("two loops", func(t *testing.T) { lanetest.Run(t, newLoop(lane.LoopConfig{Loops: 2})) })
	run := lanetest.RunShort
	if os.Getenv("LODOOR_SOAK") != "" {
		run = lanetest.Run
	}
	t.Run("one loop", func(t *testing.T) { run(t, newLoop(lane.LoopConfig{Loops: 1})) })
	t.Run("spinning", func(t *testing.T) { run(t, newLoop(lane.LoopConfig{Loops: 1, Spin: 50 * time.Microsecond})) })
}

// TestTurnComesAfterTasks has a task come while Turn runs, as from another loop: what it leaves to Turn must not wait
// for the next event.
func TestTurnComesAfterTasks(t *testing.T) {
	var l *lane.Loop
	var mu sync.Mutex
	var seen []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, what)
	}
	var armed atomic.Bool
	l = loop(t, lane.LoopConfig{Loops: 1, Turn: func() {
		if armed.CompareAndSwap(true, false) {
			l.Least().Post(task(func(*lane.Worker) { note("task") }))
		}
		note("turn")
	}})
	defer closeLane(t, l)
	l.Least().Post(task(func(*lane.Worker) { armed.Store(true) }))
	testkit.Wait(t, "a turn after the task", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Index(seen, "task") >= 0 && seen[len(seen)-1] == "turn"
	}, lanetest.Patience)
}

func FuzzLoop(f *testing.F) { lanetest.Fuzz(f, newLoop(lane.LoopConfig{})) }

func TestLoopConfig(t *testing.T) {
	for _, c := range []lane.LoopConfig{{Stall: -1}, {Flush: -1}, {Spin: -1}, {Loops: -1}} {
		if l, err := lane.NewLoop(c); err == nil {
			t.Errorf("%+v was taken: %v", c, l.Name())
		}
	}
}

// TestLoopUnused closes a lane that was never used; it has started nothing.
func TestLoopUnused(t *testing.T) {
	before := runtime.NumGoroutine()
	l := loop(t, lane.LoopConfig{Loops: 2})
	if n := runtime.NumGoroutine(); n != before {
		t.Errorf("%d goroutines before, %d after NewLoop", before, n)
	}
	closeLane(t, l)
	closeLane(t, l) // must do nothing
}

func closeLane(t testing.TB, l lane.Lane) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Errorf("close lane: %v", err)
	}
}

// TestLoopGoroutines has sessions in which something has moved: none owns a goroutine.
func TestLoopGoroutines(t *testing.T) {
	l := loop(t, lane.LoopConfig{Loops: 2})
	l.Least().Post(task(func(*lane.Worker) {})) // starts the loops
	before := runtime.NumGoroutine()
	ends := make([]lanetest.Ends, 50)
	for i := range ends {
		e, p := lanetest.Legs(t, "tcp4")
		ends[i] = e
		l.Start(p, func(flow.Outcome) {})
	}
	ping(t, ends)
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines before, %d with %d sessions", before, n, len(ends))
	}
	for _, e := range ends {
		_ = e.Client.Close()
		_ = e.Backend.Close()
	}
	closeLane(t, l)
}

// TestLoopOneProcessor has a loop share the only processor with both ends.
func TestLoopOneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	l := loop(t, lane.LoopConfig{})
	e, p := lanetest.Legs(t, "tcp4")
	l.Start(p, func(flow.Outcome) {})
	for range 100 {
		ping(t, []lanetest.Ends{e})
	}
	_ = e.Client.Close()
	_ = e.Backend.Close()
	closeLane(t, l)
}

// passing is a gate that lets everything pass, and is done after so many bytes; never at 0.
type passing struct{ done, passed int }

func (p *passing) Inspect(held []byte, _ bool) flow.GateAnswer {
	p.passed += len(held)
	return flow.GateAnswer{Pass: len(held), Done: p.done > 0 && p.passed >= p.done}
}

// TestLoopGatedSplice has a stream that does not end: it is spliced at some time when there is no gate, or when that is
// done, and never before. A loop keeps its pipes.
func TestLoopGatedSplice(t *testing.T) {
	for name, x := range map[string]struct {
		gate    flow.Gate
		splices bool
	}{"no gate": {nil, true}, "done": {&passing{done: 1 << 20}, true}, "not done": {&passing{}, false}} {
		l := loop(t, lane.LoopConfig{Loops: 1})
		before := pipes(t)
		e, p := lanetest.Legs(t, "tcp4")
		p.Gate = x.gate
		control := l.Start(p, func(flow.Outcome) {})
		var both sync.WaitGroup
		both.Go(func() {
			for b := make([]byte, 1<<20); ; {
				if _, err := e.Client.Write(b); err != nil {
					return // killed
				}
			}
		})
		both.Go(func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{e.Backend}) })
		testkit.Wait(t, name+": a splice, or a long stream without", func() bool {
			n, _ := control.Counts()
			return pipes(t) > before || n > 64<<20 && !x.splices
		}, lanetest.Patience)
		if pipes(t) > before && !x.splices {
			t.Errorf("%s: spliced", name)
		}
		control.Kill(flow.EndKilled)
		both.Wait()
		closeLane(t, l)
	}
}

// pipes is how many ends of pipes this process has open.
func pipes(t *testing.T) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if to, _ := os.Readlink(link); strings.HasPrefix(to, "pipe:") {
			n++
		}
	}
	return n
}

// TestLoopTurn has what Turn posts to its own loop run before the loop sleeps.
func TestLoopTurn(t *testing.T) {
	var l *lane.Loop
	posted := false // by the loop only
	ran := make(chan struct{})
	l = loop(t, lane.LoopConfig{Loops: 1, Turn: func() {
		if !posted {
			posted = true
			l.Least().Post(task(func(*lane.Worker) { close(ran) }))
		}
	}})
	l.Least().Post(task(func(*lane.Worker) {}))
	<-ran
	closeLane(t, l)
}
