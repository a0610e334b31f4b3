package pcapng_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/policy"
	"github.com/lodoor/lodoor/proxy/flow"
)

// reading is somebody who follows.
type reading struct {
	mu   sync.Mutex
	got  bytes.Buffer
	stop context.CancelFunc
	over chan error
}

func (f *reading) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got.Write(b)
}

func (f *reading) bytes() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return bytes.Clone(f.got.Bytes())
}

// follows begins to follow a service, and waits until it does.
func (r *rig) follows(service string) *reading {
	r.t.Helper()
	ctx, stop := context.WithCancel(r.t.Context())
	f := &reading{stop: stop, over: make(chan error, 1)}
	go func() { f.over <- r.Follow(ctx, service, f) }()
	testkit.Wait(r.t, "the file's head", func() bool { return len(f.bytes()) > 0 }, 10*time.Second)
	return f
}

// end ends it, and answers the file that was read.
func (f *reading) end(t *testing.T) (path string) {
	t.Helper()
	f.stop()
	if err := <-f.over; err != nil {
		t.Error(err)
	}
	path = filepath.Join(t.TempDir(), "followed.pcapng")
	if err := os.WriteFile(path, f.bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Two who follow a service that is recorded get what its file gets, the one from the beginning, and the other from where
// it came; there the session that runs says again which it is.
func TestFollow(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	early := r.follows("db")
	open := opening("db", netipPort(0), front4)
	tap := r.open(open)
	tap.Data(flow.FromClient, time.Now(), pattern(0, 10))
	late := r.follows("db")
	tap.Data(flow.FromClient, time.Now(), pattern(10, 20))
	tap.Done(time.Now(), fin())
	r.talk("chat", 1)
	r.Pass()
	first, second := early.end(t), late.end(t)
	r.end()
	want := describe(read(t, r.file("db")))
	if got := describe(read(t, first)); strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("the first one read %q, want %q", got, want)
	}
	got := tshark(t, second)
	if len(got) != len(want)-8 {
		t.Errorf("the second one read %d packets, want all but the first 8 of %d", len(got), len(want))
	}
	for leg := range 2 {
		if c, _ := block.ParseComment(rowsOf(leg, got)[0].comment); c.Session != open.Session.String() {
			t.Errorf("leg %d begins with %+v", leg, c)
		}
	}
	tshark(t, first)
}

// A service that nobody records is recorded while somebody follows it, in no file.
func TestFollowUnrecorded(t *testing.T) {
	r := newRig(t, pcapng.Config{Standing: []policy.Standing{}})
	f := r.follows("db")
	r.talk("db", 0)
	r.Pass()
	path := f.end(t)
	if n := len(tshark(t, path)); n != 18 {
		t.Errorf("%d packets, want 18", n)
	}
	if tap := r.Tap(opening("db", netipPort(1), front4)); tap != nil || len(r.Active()) > 0 {
		t.Error("it goes on when nobody follows any more")
	}
	r.end()
	if got := r.Stats(); got.Files != 0 || got.Used != 0 || got.Waiting != 0 {
		t.Errorf("stats: %+v", got)
	}
}

// blocked takes nothing after the first write.
type blocked struct {
	begun chan struct{}
	gate  <-chan struct{}
}

func (b *blocked) Write(p []byte) (int, error) {
	select {
	case b.begun <- struct{}{}:
	default:
		<-b.gate
	}
	return len(p), nil
}

// Who reads too slowly is told so, and holds nobody up.
func TestFollowTooSlowly(t *testing.T) {
	r := newRig(t, pcapng.Config{Memory: 64 << 20})
	gate, begun := make(chan struct{}), make(chan struct{}, 1)
	over := make(chan error, 1)
	go func() { over <- r.Follow(t.Context(), "db", &blocked{begun, gate}) }()
	testkit.Wait(t, "the file's head", func() bool { return len(begun) == 1 }, 10*time.Second)
	tap := r.tap("db", netipPort(0), front4)
	for offset := range uint64(200) {
		tap.Data(flow.FromClient, time.Now(), pattern(offset<<16, 1<<16))
		r.Pass()
	}
	if kept, skipped := tap.Done(time.Now(), fin()); kept != 200<<16 {
		t.Errorf("kept %d, skipped %d", kept, skipped)
	}
	close(gate)
	if err := <-over; err == nil || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "faster than it is read") {
		t.Errorf("followed to the end: %v", err)
	}
}
