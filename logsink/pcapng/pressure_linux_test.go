package pcapng_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
	"github.com/lodoor/lodoor/proxy/flow"
)

// gatedFile is a file whose writes wait until the gate is opened.
type gatedFile struct {
	*os.File
	gate <-chan struct{}
}

func (f *gatedFile) Write(b []byte) (int, error) {
	<-f.gate
	return f.File.Write(b)
}

// stalled makes files that take nothing until the answered function is called.
func stalled() (create func(string) (store.Media, error), open func()) {
	gate := make(chan struct{})
	return func(path string) (store.Media, error) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return &gatedFile{f, gate}, err
	}, sync.OnceFunc(func() { close(gate) })
}

func pairOf(client, front string) way {
	return way{netip.MustParseAddrPort(client), netip.MustParseAddrPort(front)}
}

// 100 MB while the disk takes nothing: what memory holds is kept, the rest is there as lengths, and tshark is content.
func TestStalledWriter(t *testing.T) {
	const memory, chunk, total = 4 << 20, 64 << 10, 100 << 20
	create, open := stalled()
	r := newRig(t, pcapng.Config{Memory: memory, Create: create})
	t.Cleanup(open) // before the rig's own end
	tap := r.tap("bulk", "127.0.0.1:40000", front4)
	question := pattern(0, 100)
	tap.Data(flow.FromClient, time.Now(), question)
	for offset := uint64(0); offset < total; offset += chunk {
		tap.Data(flow.FromBackend, time.Now(), pattern(offset, chunk))
		if offset%(10<<20) == 0 { // a reader that asks for more
			tap.Skipped(flow.FromClient, time.Now(), 1)
		}
	}
	// A newcomer finds room beside the bulk.
	other := r.tap("bulk", "127.0.0.1:40001", front4)
	other.Data(flow.FromClient, time.Now(), question)
	if kept, skipped := other.Done(time.Now(), fin()); kept != 100 || skipped != 0 {
		t.Errorf("the newcomer: kept %d, skipped %d", kept, skipped)
	}
	kept, skipped := tap.Done(time.Now(), fin())
	if kept+skipped != 100+total+10 || kept > memory || kept < memory/4 {
		t.Errorf("kept %d, skipped %d of %d with %d bytes of memory", kept, skipped, 100+total+10, memory)
	}
	open()
	r.end()

	ways := follow(t, read(t, r.file("bulk")))
	up, down := ways[pairOf("127.0.0.1:40000", front4)], ways[pairOf(front4, "127.0.0.1:40000")]
	if up.offset != 110 || down.offset != total || up.kept+down.kept != kept || up.skipped+down.skipped != skipped {
		t.Errorf("the file has %+v and %+v, Done said kept %d, skipped %d", up, down, kept, skipped)
	}
	tshark(t, r.file("bulk"))
}

// When memory and disk have room, all of a bulk transfer is in the file, and is what was sent.
func TestBulkIsKept(t *testing.T) {
	const total, chunk = 32 << 20, 48<<10 + 7
	r := newRig(t, pcapng.Config{Memory: 128 << 20})
	tap := r.tap("bulk", "[::1]:40000", front6)
	sent := pattern(0, total)
	for rest := sent; len(rest) > 0; {
		n := min(len(rest), chunk)
		tap.Data(flow.FromBackend, time.Now(), rest[:n])
		rest = rest[n:]
	}
	if kept, skipped := tap.Done(time.Now(), fin()); kept != total || skipped != 0 {
		t.Errorf("kept %d, skipped %d", kept, skipped)
	}
	r.end()
	legsHave(t, read(t, r.file("bulk")), 2, sent)
	tshark(t, r.file("bulk"))
}

// legsHave compares what was kept on the first legs with all that was sent.
func legsHave(t *testing.T, packets []packet, legs int, sent []byte) {
	t.Helper()
	for leg, name := range []string{"front", "back"}[:legs] {
		got := sha256.New()
		for _, p := range legOf(leg, packets) {
			got.Write(p.kept())
		}
		if want := sha256.Sum256(sent); [32]byte(got.Sum(nil)) != want {
			t.Errorf("the %s leg has other bytes than were sent", name)
		}
	}
}

// Sequence numbers begin again after 4 GiB, on both legs, and payload goes on behind.
func TestMoreThan4GiB(t *testing.T) {
	for _, d := range []flow.Direction{flow.FromClient, flow.FromBackend} {
		t.Run(d.String(), func(t *testing.T) { moreThan4GiB(t, d) })
	}
}

func moreThan4GiB(t *testing.T, d flow.Direction) {
	const far = 4<<30 + 12345
	r := newRig(t, pcapng.Config{})
	tap := r.tap("bulk", "127.0.0.1:40000", front4)
	tap.Data(d, time.Now(), pattern(0, 1000))
	tap.Skipped(d, time.Now(), far)
	tap.Data(d, time.Now(), pattern(1000+far, 1000))
	if kept, skipped := tap.Done(time.Now(), fin()); kept != 2000 || skipped != far {
		t.Errorf("kept %d, skipped %d", kept, skipped)
	}
	r.end()
	ways := 0
	for w, f := range follow(t, read(t, r.file("bulk"))) {
		if f.offset > 0 {
			ways++
		}
		if f.offset > 0 && (f.offset != 2000+far || f.kept != 2000) || !f.fin {
			t.Errorf("%v: %+v", w, f)
		}
	}
	if ways != 2 {
		t.Errorf("%d ways have bytes, want one on each leg", ways)
	}
	if d == flow.FromBackend {
		return // for tshark they are alike
	}
	var total uint64
	for _, row := range tshark(t, r.file("bulk")) {
		total += row.length
	}
	if want := uint64(2 * (2000 + far)); total != want { // on both legs
		t.Errorf("tshark counts %d bytes, want %d", total, want)
	}
}

func sizeOf(t *testing.T, dir string) (n int64) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*.pcapng"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range list {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		n += info.Size()
	}
	return n
}

// At the limit first payload stops, then all; both are said. Old recordings count, and removing them makes room.
func TestMaxTotal(t *testing.T) {
	const limit = 8 << 20
	dir := t.TempDir()
	old := filepath.Join(dir, "old.pcapng")
	if err := os.WriteFile(old, make([]byte, limit/2), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, pcapng.Config{Settings: pcapng.Settings{Dir: dir, MaxTotal: limit}})
	tap := r.tap("db", "127.0.0.1:40000", front4)
	var told uint64
	tell := func(n int) {
		tap.Data(flow.FromClient, time.Now(), pattern(told, n))
		told += uint64(n)
	}
	for told < limit {
		tell(10_000)
	}
	testkit.Wait(t, "word that payload stops", func() bool { return len(r.trouble()) == 1 }, 10*time.Second)
	for i := range 20 { // sessions and lengths still have a place
		other := r.tap("db", fmt.Sprintf("127.0.0.1:%d", 41_000+i), front4)
		other.Data(flow.FromClient, time.Now(), pattern(0, 1000))
		if kept, skipped := other.Done(time.Now(), fin()); kept != 0 || skipped != 1000 {
			t.Errorf("a session after payload stopped: kept %d, skipped %d", kept, skipped)
		}
	}
	tap.Skipped(flow.FromBackend, time.Now(), 1<<40)
	testkit.Wait(t, "word that all stops", func() bool { return len(r.trouble()) == 2 }, 10*time.Second)
	tell(10_000)
	kept, skipped := tap.Done(time.Now(), fin())
	if kept+skipped != told+1<<40 || kept < limit/8 || kept > limit/4 { // on both legs
		t.Errorf("kept %d, skipped %d of %d", kept, skipped, told+1<<40)
	}
	if tap := r.Tap(opening("db", "127.0.0.1:1", front4)); tap != nil {
		t.Error("a tap though there is no room")
	}
	for i, want := range []string{"payload is no longer kept", "nothing more is recorded"} {
		if got := r.trouble()[i].Error(); !strings.Contains(got, want) || !strings.Contains(got, "max_total (8MiB)") {
			t.Errorf("trouble %q, want %q", got, want)
		}
	}
	if err := os.Remove(old); err != nil {
		t.Fatal(err)
	}
	var again flow.SessionTap
	testkit.Wait(t, "room after a file was removed", func() bool {
		again = r.Tap(opening("db", "127.0.0.1:2", front4))
		return again != nil
	}, 10*time.Second)
	again.Data(flow.FromClient, time.Now(), pattern(0, 1000))
	if kept, _ := again.Done(time.Now(), fin()); kept != 1000 {
		t.Errorf("kept %d bytes after room was made", kept)
	}
	r.end()
	if n := sizeOf(t, dir); n > limit {
		t.Errorf("recordings take %d bytes, the limit is %d", n, limit)
	}
	ways := follow(t, read(t, r.file("db")))
	if up := ways[pairOf("127.0.0.1:40000", front4)]; up.kept != kept {
		t.Errorf("%d bytes are in the file, %d were said to be kept", up.kept, kept)
	}
	for i := range 20 {
		if up := ways[pairOf(fmt.Sprintf("127.0.0.1:%d", 41_000+i), front4)]; up == nil || up.skipped != 1000 || !up.fin {
			t.Errorf("a session after payload stopped is recorded as %+v", up)
		}
	}
	tshark(t, r.file("db"))
}

// A directory that is full from the start is said at once.
func TestFullFromTheStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "old.pcapng"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, pcapng.Config{Settings: pcapng.Settings{Dir: dir, MaxTotal: flow.MiB}})
	testkit.Wait(t, "word that nothing is recorded", func() bool { return len(r.trouble()) == 1 }, 10*time.Second)
	if tap := r.Tap(opening("db", "127.0.0.1:1", front4)); tap != nil {
		t.Error("a tap though there is no room")
	}
}

var errDiskFull = errors.New("no space left on the test's disk")

// fullFile takes so many bytes, then part of a write, and then nothing.
type fullFile struct {
	*os.File
	room int
}

func (f *fullFile) Write(b []byte) (int, error) {
	if len(b) <= f.room {
		f.room -= len(b)
		return f.File.Write(b)
	}
	n, err := f.File.Write(b[:f.room])
	f.room = 0
	return n, errors.Join(err, errDiskFull)
}

// A disk that fails ends the recording in the open: what is in the file can be read, what is not is counted.
func TestDiskFails(t *testing.T) {
	r := newRig(t, pcapng.Config{Create: func(path string) (store.Media, error) {
		f, err := os.Create(path)
		return &fullFile{f, 1_000_001}, err
	}})
	tap := r.tap("db", "127.0.0.1:40000", front4)
	for offset := uint64(0); len(r.trouble()) == 0; offset += 1000 {
		tap.Data(flow.FromClient, time.Now(), pattern(offset, 1000))
	}
	kept, _ := tap.Done(time.Now(), fin())
	if tap := r.Tap(opening("db", "127.0.0.1:1", front4)); tap != nil {
		t.Error("a tap after the disk failed")
	}
	r.end()
	troubles := r.trouble()
	if len(troubles) != 1 || !errors.Is(troubles[0], errDiskFull) {
		t.Errorf("troubles: %v", troubles)
	}
	up := follow(t, read(t, r.file("db")))[pairOf("127.0.0.1:40000", front4)]
	if lost := r.Stats().Lost; lost == 0 || up.kept+lost != kept {
		t.Errorf("kept %d, %d of them in the file, %d lost", kept, up.kept, lost)
	}
}

// A file that cannot be made is no reason to stop the relay either.
func TestFileCannotBeMade(t *testing.T) {
	r := newRig(t, pcapng.Config{Create: func(string) (store.Media, error) { return nil, errDiskFull }})
	tap := r.tap("db", "127.0.0.1:40000", front4)
	tap.Data(flow.FromClient, time.Now(), pattern(0, 1000))
	testkit.Wait(t, "word of it", func() bool { return len(r.trouble()) == 1 }, 10*time.Second)
	kept, _ := tap.Done(time.Now(), fin())
	if got := r.Stats(); got.Lost != kept || got.Files != 0 {
		t.Errorf("kept %d; stats %+v", kept, got)
	}
}

// Many sessions at once, each with two goroutines that talk in turns: a question stands before its answer, in the
// file too, and the file's times go forward.
func TestConcurrentSessions(t *testing.T) {
	const sessions, turns = 50, 40
	r := newRig(t, pcapng.Config{})
	var group sync.WaitGroup
	var kept, skipped atomic.Uint64
	for i := range sessions {
		tap := r.tap("chat", fmt.Sprintf("127.0.0.1:%d", 40_000+i), front4)
		group.Go(func() {
			k, s := chat(tap, turns)
			kept.Add(k)
			skipped.Add(s)
		})
	}
	group.Wait()
	r.end()
	packets := read(t, r.file("chat"))
	var inFile [2]uint64
	follow(t, legOf(1, packets))
	for _, f := range follow(t, legOf(0, packets)) {
		inFile[0] += f.kept
		inFile[1] += f.skipped
	}
	if inFile[0] != kept.Load() || inFile[1] != skipped.Load() || kept.Load()+skipped.Load() != sessions*turns*300 {
		t.Errorf("file has %d kept and %d skipped, Done said %d and %d", inFile[0], inFile[1], kept.Load(), skipped.Load())
	}
	questions := map[netip.AddrPort]int{}
	for i, p := range packets {
		switch p.length {
		case 100:
			questions[p.from]++
		case 200:
			if questions[p.to]--; questions[p.to] < 0 {
				t.Fatalf("packet %d: an answer before its question", i)
			}
		}
	}
	tshark(t, r.file("chat"))
}

func chat(tap flow.Tap, turns int) (kept, skipped uint64) {
	asked, answered := make(chan struct{}), make(chan struct{})
	var backend sync.WaitGroup
	backend.Go(func() {
		for i := range turns {
			<-asked
			tap.Data(flow.FromBackend, time.Now(), pattern(uint64(i)*200, 200))
			answered <- struct{}{}
		}
		tap.Shut(flow.FromBackend, time.Now())
	})
	for i := range turns {
		tap.Data(flow.FromClient, time.Now(), pattern(uint64(i)*100, 100))
		asked <- struct{}{}
		<-answered
	}
	tap.Shut(flow.FromClient, time.Now())
	backend.Wait()
	return tap.Done(time.Now(), fin())
}
