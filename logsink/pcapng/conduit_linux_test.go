package pcapng_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/policy"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
	"github.com/lodoor/lodoor/proxy/flow"
)

// lanePipe is the pipe of a lane that splices.
type lanePipe struct {
	t    interface{ Fatalf(string, ...any) }
	r, w int
}

func newLanePipe(t testing.TB) *lanePipe {
	t.Helper()
	r, w := testkit.Pipe(t)
	if _, err := unix.FcntlInt(uintptr(w), unix.F_SETPIPE_SZ, 1<<20); err != nil {
		t.Fatal(err)
	}
	return &lanePipe{t: t, r: r, w: w}
}

// pass has a tap told of b as by a lane that splices: what the tap takes, and by Data what it does not. It answers how much
// it took; nothing of that was removed from the pipe.
func (p *lanePipe) pass(tap flow.SessionTap, d flow.Direction, b []byte) (taken int) {
	if n, err := unix.Write(p.w, b); err != nil || n != len(b) {
		p.t.Fatalf("fill a pipe: %d bytes of %d, %v", n, len(b), err)
	}
	rest := make([]byte, len(b))
	for len(rest) > 0 {
		n := tap.(flow.PipeTap).Piped(d, time.Now(), p.r, len(rest))
		taken += n
		left := min(n, len(rest))
		if n == 0 {
			left = len(rest)
		}
		if m, err := unix.Read(p.r, rest[:left]); err != nil || m != left {
			p.t.Fatalf("the pipe has %d bytes of %d, %v", m, left, err)
		}
		if n == 0 {
			tap.Data(d, time.Now(), rest[:left])
		}
		rest = rest[left:]
	}
	return taken
}

// TestPiped takes a long stream out of a pipe: all of it is recorded on both legs, also what is written much later.
func TestPiped(t *testing.T) {
	const total, chunk = 6 << 20, 200_000
	for name, s := range map[string]pcapng.Settings{"plain": {}, "front": {Legs: pcapng.LegsFront}, "held": {OnSlow: pcapng.SlowHold}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, pcapng.Config{Settings: s, Memory: 64 << 20})
			tap, p := r.tap("bulk", "127.0.0.1:40000", front4).SessionTap, newLanePipe(t)
			sent := pattern(0, total)
			taken, unwritten := 0, 0
			for rest := sent; len(rest) > 0; rest = rest[min(len(rest), chunk):] {
				b := rest[:min(len(rest), chunk)]
				taken += p.pass(tap, flow.FromClient, b)
				if unwritten += len(b); unwritten > total/4 {
					tap.Written(flow.FromClient, time.Now(), uint64(unwritten))
					unwritten = 0
				}
			}
			tap.Written(flow.FromClient, time.Now(), uint64(unwritten))
			if kept, skipped := tap.Done(time.Now(), fin()); kept != total || skipped != 0 {
				t.Errorf("kept %d, skipped %d", kept, skipped)
			}
			r.end()
			if taken < total/2 {
				t.Errorf("%d bytes of %d were taken out of the pipe", taken, total)
			}
			packets := read(t, r.file("bulk"))
			follow(t, packets)
			legsHave(t, packets, 2-int(s.Legs), sent)
			tshark(t, r.file("bulk"))
		})
	}
}

// TestPipedNotWhole takes nothing of which a part may not be kept.
func TestPipedNotWhole(t *testing.T) {
	for name, s := range map[string]pcapng.Settings{"cut": {SnapPayload: 100}, "limited": {MaxPerSession: 4 << 20}} {
		r := newRig(t, pcapng.Config{Settings: s})
		tap := r.tap("db", "127.0.0.1:40000", front4)
		if taken := newLanePipe(t).pass(tap.SessionTap, flow.FromClient, pattern(0, 1000)); taken != 0 {
			t.Errorf("%s: %d bytes were taken", name, taken)
		}
		tap.Done(time.Now(), fin())
	}
}

// TestPipedRedacted overwrites what is taken, and takes nothing any more when the redactor has lost its place.
func TestPipedRedacted(t *testing.T) {
	r := censored(t, pcapng.Settings{}, &censor{})
	tap, p := r.tap("db", "127.0.0.1:40000", front4), newLanePipe(t)
	if taken := p.pass(tap.SessionTap, flow.FromClient, []byte("a secret")); taken != 8 {
		t.Errorf("%d bytes were taken", taken)
	}
	p.pass(tap.SessionTap, flow.FromClient, []byte("what?"))
	r.Pass()
	if taken := p.pass(tap.SessionTap, flow.FromClient, []byte("a secret")); taken != 0 {
		t.Errorf("%d bytes were taken that nobody could overwrite", taken)
	}
	tap.Done(time.Now(), fin())
	r.end()
	for _, b := range all(t, r.file("db")) {
		if bytes.Contains(b.Raw, []byte("secret")) || bytes.Contains(b.Raw, []byte("what?")) {
			t.Errorf("recorded: %q", b.Raw)
		}
	}
}

// TestPipedStalled takes no more than memory has room for while the disk takes nothing, and mixes nothing up behind that.
func TestPipedStalled(t *testing.T) {
	for _, size := range []int{5_000, 70_000, 128 << 10} {
		t.Run(strconv.Itoa(size), func(t *testing.T) { pipedStalled(t, size) })
	}
}

func pipedStalled(t *testing.T, size int) {
	const memory, total = 4 << 20, 32 << 20
	create, open := stalled()
	r := newRig(t, pcapng.Config{Memory: memory, Create: create})
	t.Cleanup(open) // before the rig's own end
	tap, p := r.tap("bulk", "127.0.0.1:40000", front4), newLanePipe(t)
	taken := 0
	told := 0
	for ; told < total; told += size {
		taken += p.pass(tap.SessionTap, flow.FromBackend, pattern(uint64(told), size))
		tap.Written(flow.FromBackend, time.Now(), uint64(size))
		if got := r.Stats().Waiting; got > memory {
			t.Fatalf("%d bytes of memory in use, of at most %d", got, memory)
		}
	}
	kept, skipped := tap.Done(time.Now(), fin())
	if int(kept+skipped) != told || kept < memory/8 || skipped == 0 || taken == 0 {
		t.Errorf("kept %d, skipped %d, of %d; %d were taken", kept, skipped, told, taken)
	}
	open()
	r.end()
	down := follow(t, read(t, r.file("bulk")))[pairOf(front4, "127.0.0.1:40000")]
	if down.kept != kept || down.skipped != skipped {
		t.Errorf("the file has %+v, Done said kept %d, skipped %d", down, kept, skipped)
	}
	if got := r.Stats().Waiting; got != 0 {
		t.Errorf("%d bytes of memory still in use", got)
	}
}

// lentUntilFull is a disk that takes pieces where they lie, until it is told to fail, which it does when it may.
type lentUntilFull struct {
	*os.File
	fails *atomic.Bool
	may   <-chan struct{}
}

func (f lentUntilFull) Write(b []byte) (int, error) {
	if f.fails.Load() {
		<-f.may
		return 0, errDiskFull
	}
	return f.File.Write(b)
}

func (f lentUntilFull) WritePieces(pieces [][]byte) (err error) {
	for _, b := range pieces {
		_, failed := f.Write(b)
		err = errors.Join(err, failed)
	}
	return err
}

// TestPipedAndLost loses with a failing disk what was taken out of pipes, and nothing of it gets into what is recorded
// afterwards.
func TestPipedAndLost(t *testing.T) {
	var fails atomic.Bool
	may := make(chan struct{})
	r := newRig(t, pcapng.Config{Memory: 64 << 20, Create: func(path string) (store.Media, error) {
		f, err := os.Create(path)
		return lentUntilFull{f, &fails, may}, err
	}})
	tap, p := r.tap("db", "127.0.0.1:40000", front4), newLanePipe(t)
	p.pass(tap.SessionTap, flow.FromClient, pattern(0, 1000))
	r.Pass()
	fails.Store(true)
	for range 20 { // of which the writer has the first ones
		p.pass(tap.SessionTap, flow.FromClient, make([]byte, 200_000))
	}
	close(may)
	testkit.Wait(t, "word of the failure", func() bool { return len(r.trouble()) > 0 }, 10*time.Second)
	p.pass(tap.SessionTap, flow.FromClient, make([]byte, 200_000))
	kept, _ := tap.Done(time.Now(), fin())
	r.Pass()
	if got := r.Stats(); got.Waiting != 0 || got.Lost == 0 || got.Lost > kept {
		t.Errorf("kept %d; stats %+v", kept, got)
	}
	fails.Store(false)
	if _, err := r.Start(policy.Request{Service: "db"}); err != nil {
		t.Fatal(err)
	}
	again := r.tap("db", "127.0.0.1:40001", front4)
	if taken := p.pass(again.SessionTap, flow.FromClient, pattern(0, 300_000)); taken == 0 {
		t.Error("nothing was taken")
	}
	again.Written(flow.FromClient, time.Now(), 300_000)
	again.Done(time.Now(), fin())
	r.end()
	found := false
	for _, path := range r.files("db") {
		up := follow(t, read(t, path))[pairOf("127.0.0.1:40001", front4)]
		found = found || up != nil && up.kept == 300_000
	}
	if !found {
		t.Error("the session behind the failure is not in the recordings")
	}
}

// TestConduitsAreClosed counts the pipes of a recorder that is over, however often that is said.
func TestConduitsAreClosed(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	p := newLanePipe(t)
	before := pipeEnds(t)
	tap := r.tap("bulk", "127.0.0.1:40000", front4)
	p.pass(tap.SessionTap, flow.FromClient, pattern(0, 1000))
	if got := pipeEnds(t); got <= before {
		t.Errorf("%d ends of pipes, %d before: nothing was taken", got, before)
	}
	r.end()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if taken := p.pass(tap.SessionTap, flow.FromClient, pattern(0, 1000)); taken != 0 {
		t.Errorf("%d bytes were taken behind the end", taken)
	}
	if got := pipeEnds(t); got != before {
		t.Errorf("%d ends of pipes, %d before", got, before)
	}
}

func pipeEnds(t *testing.T) (n int) {
	t.Helper()
	all, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range all {
		if to, err := os.Readlink(fd); err == nil && len(to) > 5 && to[:5] == "pipe:" {
			n++
		}
	}
	return n
}
