package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// store is a destination in memory.
type store struct {
	name    string
	only    flow.Event // it wants no other; all when zero
	deliver func(ctx context.Context, n int) (int, error)

	mu    sync.Mutex
	got   []flow.Identity
	lines []string
}

func (s *store) Name() string            { return s.name }
func (s *store) Wants(e flow.Event) bool { return s.only == flow.EventUnknown || s.only == e }

func (s *store) Deliver(ctx context.Context, entries []Entry) (n int, err error) {
	n = len(entries)
	if s.deliver != nil {
		n, err = s.deliver(ctx, n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range entries[:n] {
		s.got = append(s.got, entries[i].Identity)
		s.lines = append(s.lines, string(entries[i].Line))
	}
	return n, err
}

func (s *store) taken() []flow.Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// knowing is a store that says itself where it is.
type knowing struct {
	store
	at flow.Identity // what it says before it has got anything
}

func (s *knowing) Resume(context.Context, string) (flow.Identity, error) {
	if got := s.taken(); len(got) > 0 {
		return got[len(got)-1], nil
	}
	return s.at, nil
}

// warnings collects what a feed warns of.
type warnings struct {
	mu   sync.Mutex
	list []string
}

func (w *warnings) add(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, fmt.Sprint(err))
}

func (w *warnings) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.list, "\n")
}

// feeding runs a feed until stop, which the test's end calls too.
func feeding(t testing.TB, j *Journal, c FeedConfig) (f *Feed, stop func() error) {
	t.Helper()
	f, err := j.Feed(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return f, stop
}

// caughtUp waits until a feed has everything.
func caughtUp(t testing.TB, f *Feed) {
	t.Helper()
	testkit.Wait(t, "the feed to have everything", func() bool {
		s := f.Stats()
		return s.Behind == 0 && s.Err == nil
	}, 10*time.Second)
}

// identities are those of the records in the journal, from the one numbered first on.
func identities(t testing.TB, dir string, first uint64) (list []flow.Identity) {
	t.Helper()
	for _, e := range entries(t, dir) {
		if e.Identity.Seq >= first {
			list = append(list, e.Identity)
		}
	}
	return list
}

func sameIdentities(t testing.TB, got, want []flow.Identity) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("delivered %d: %v\nwant %d: %v", len(got), got, len(want), want)
	}
}

func TestFeedDelivers(t *testing.T) {
	dir := t.TempDir()
	j, stop := running(t, small(dir))
	to := &store{name: "all"}
	f, end := feeding(t, j, FeedConfig{Destination: to})
	for range 3 {
		session(t, j)
	}
	caughtUp(t, f)
	sameIdentities(t, to.taken(), identities(t, dir, 1))
	session(t, j)
	if err := errors.Join(stop(), end()); err != nil {
		t.Fatal(err)
	}
	sameIdentities(t, to.taken(), identities(t, dir, 1))
	if s := f.Stats(); s.Delivered != 10 || s.Skipped != 0 || s.At.Seq != 10 || s.Behind != 0 || s.Lag != 0 {
		t.Errorf("stats %+v", s)
	}
	if data := readFile(t, filepath.Join(dir, cursorDir, "all.json")); !strings.Contains(string(data), `"seq":10}`) {
		t.Errorf("the cursor is %s", data)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, cursorDir)); err != nil || len(entries) != 1 {
		t.Errorf("cursors: %v, %v", entries, err)
	}
}
