package pcapng_test

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
	"github.com/lodoor/lodoor/proxy/flow"
)

// fill tells bytes until the session has to wait, and answers how many were told and who is to be woken.
func fill(t *testing.T, tap told) (sent uint64, woken chan struct{}) {
	t.Helper()
	const chunk = 64 << 10
	woken = make(chan struct{}, 1)
	for sent < 1<<30 {
		if !tap.Room(flow.FromBackend, func() { woken <- struct{}{} }) {
			return sent, woken
		}
		tap.Data(flow.FromBackend, time.Now(), pattern(sent, chunk))
		sent += chunk
	}
	t.Fatal("a session never has to wait for a disk that takes nothing")
	return 0, nil
}

func wait(t *testing.T, woken chan struct{}) {
	t.Helper()
	testkit.Wait(t, "the session to be woken", func() bool { return len(woken) == 1 }, 10*time.Second)
}

func holding() pcapng.Settings { return pcapng.Settings{OnSlow: pcapng.SlowHold} }

// With on_slow: hold a session waits while the disk takes nothing, goes on when it does, and nothing of it is lost.
func TestHold(t *testing.T) {
	const memory = 4 << 20
	create, open := stalled()
	r := newRig(t, pcapng.Config{Settings: holding(), Memory: memory, Create: create})
	t.Cleanup(open)
	tap := r.tap("bulk", "127.0.0.1:40000", front4)
	sent, woken := fill(t, tap)
	if sent < memory/4 || sent > 2*memory {
		t.Errorf("waits after %d bytes, with memory for %d", sent, memory)
	}
	other := r.tap("bulk", "127.0.0.1:40001", front4)
	if other.Room(flow.FromClient, func() {}) {
		t.Error("another session does not wait")
	}
	other.Data(flow.FromClient, time.Now(), pattern(0, 1000)) // what was under way when it asked is kept
	if kept, skipped := other.Done(time.Now(), fin()); kept != 1000 || skipped != 0 {
		t.Errorf("the other session: kept %d, skipped %d", kept, skipped)
	}
	open()
	wait(t, woken)
	tap.Data(flow.FromBackend, time.Now(), pattern(sent, 10))
	if kept, skipped := tap.Done(time.Now(), fin()); kept != sent+10 || skipped != 0 {
		t.Errorf("kept %d, skipped %d of %d", kept, skipped, sent+10)
	}
	r.end()
	down := follow(t, read(t, r.file("bulk")))[pairOf(front4, "127.0.0.1:40000")]
	if down.kept != sent+10 || r.Stats().Waiting != 0 {
		t.Errorf("recorded %+v; stats %+v", down, r.Stats())
	}
}

// A session that ends while it waits is woken once, and so is one when the recorder ends or its disk fails.
func TestHoldEnds(t *testing.T) {
	t.Run("session", func(t *testing.T) {
		create, open := stalled()
		r := newRig(t, pcapng.Config{Settings: holding(), Memory: 4 << 20, Create: create})
		t.Cleanup(open)
		tap := r.tap("bulk", "127.0.0.1:40000", front4)
		_, woken := fill(t, tap)
		tap.Done(time.Now(), fin())
		wait(t, woken)
		open()
		r.end()
		if len(woken) != 1 {
			t.Error("woken twice")
		}
	})
	t.Run("recorder", func(t *testing.T) {
		create, open := stalled()
		r := newRig(t, pcapng.Config{Settings: holding(), Memory: 4 << 20, Create: create})
		t.Cleanup(open)
		_, woken := fill(t, r.tap("bulk", "127.0.0.1:40000", front4))
		closed := make(chan error, 1)
		go func() { closed <- r.Close() }()
		wait(t, woken)
		open()
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
	t.Run("disk", func(t *testing.T) { holdFails(t) })
}

// failingFile waits for the gate, and then takes nothing.
type failingFile struct {
	*os.File
	gate <-chan struct{}
}

func (f *failingFile) Write([]byte) (int, error) {
	<-f.gate
	return 0, errDiskFull
}

func holdFails(t *testing.T) {
	gate := make(chan struct{})
	r := newRig(t, pcapng.Config{Settings: holding(), Memory: 4 << 20, Create: func(path string) (store.Media, error) {
		f, err := os.Create(path)
		return &failingFile{f, gate}, err
	}})
	open := sync.OnceFunc(func() { close(gate) })
	t.Cleanup(open)
	tap := r.tap("bulk", "127.0.0.1:40000", front4)
	sent, woken := fill(t, tap)
	open()
	wait(t, woken)
	testkit.Wait(t, "word of the failure", func() bool { return len(r.trouble()) == 1 }, 10*time.Second)
	if !tap.Room(flow.FromBackend, func() {}) {
		t.Error("the session waits for a disk that has failed")
	}
	tap.Data(flow.FromBackend, time.Now(), pattern(sent, 10))
	kept, skipped := tap.Done(time.Now(), fin())
	r.Pass()
	if got := r.Stats(); skipped != 10 || got.Lost != kept || got.Waiting != 0 || !got.Failed {
		t.Errorf("kept %d, skipped %d; stats %+v", kept, skipped, got)
	}
	if got := r.trouble(); !errors.Is(got[0], errDiskFull) {
		t.Errorf("trouble: %v", got)
	}
}

// Clients that do not read cannot take the memory from the others: what waits for them is let go of, where they would
// have got it.
func TestParked(t *testing.T) {
	const memory, chunk = 4 << 20, 64 << 10
	r := newRig(t, pcapng.Config{Memory: memory})
	var taps []told
	for i := range 2 * memory / chunk {
		tap := r.tap("db", netipPort(i), front4)
		tap.SessionTap.Data(flow.FromBackend, time.Now(), pattern(0, chunk))
		r.Pass()
		taps = append(taps, tap)
	}
	tap := r.tap("db", "127.0.0.1:39999", front4)
	tap.Data(flow.FromBackend, time.Now(), pattern(0, chunk))
	if kept, _ := tap.Done(time.Now(), fin()); kept != chunk {
		t.Errorf("kept %d of a session whose client reads", kept)
	}
	for i, tap := range taps {
		tap.Written(flow.FromBackend, time.Now(), chunk)
		if kept, skipped := tap.Done(time.Now(), fin()); kept != chunk {
			t.Errorf("session %d: kept %d, skipped %d", i, kept, skipped)
		}
	}
	r.end()
	packets := read(t, r.file("db"))
	follow(t, packets)
	var kept [2]int
	for _, p := range packets {
		kept[p.leg] += len(p.kept())
	}
	if all := (len(taps) + 1) * chunk; kept[1] != all || kept[0] >= all || kept[0] < memory/4 || r.Stats().Waiting != 0 {
		t.Errorf("of %d bytes %d were kept where they were read, and %d where they were written", all, kept[1], kept[0])
	}
	tshark(t, r.file("db"))
}

// A client that sends byte by byte to a gate which waits for more takes about as much memory as it has sent, and nothing
// from others; it is recorded as it was written.
func TestParkedByteByByte(t *testing.T) {
	const held = 20_000
	r := newRig(t, pcapng.Config{Memory: 4 << 20})
	slow := r.tap("db", netipPort(0), front4)
	for i := range uint64(held) {
		slow.SessionTap.Data(flow.FromClient, time.Now(), pattern(i, 1))
		if i%100 == 99 {
			r.Pass()
		}
	}
	if got := r.Stats().Waiting; got > 3*held {
		t.Errorf("%d bytes that are held take %d of memory", held, got)
	}
	slow.Written(flow.FromClient, time.Now(), 3)
	slow.Written(flow.FromClient, time.Now(), held-3)
	kept, skipped := slow.Done(time.Now(), fin())
	r.end()
	if kept != held {
		t.Errorf("kept %d, skipped %d", kept, skipped)
	}
	var got []byte
	for _, p := range legOf(1, read(t, r.file("db"))) {
		got = append(got, p.kept()...)
	}
	if !bytes.Equal(got, pattern(0, held)) || r.Stats().Waiting != 0 {
		t.Errorf("the backend's leg has %d bytes that are not what was sent; %d are waiting", len(got), r.Stats().Waiting)
	}
}
