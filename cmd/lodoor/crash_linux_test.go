package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// book is what a backend was told by its clients: each sends its own address first.
type book struct {
	mu      sync.Mutex
	clients map[string]int
}

func (b *book) serve(c net.Conn) error {
	name := make([]byte, 32)
	if _, err := io.ReadFull(c, name); err != nil {
		return err
	}
	b.mu.Lock()
	b.clients[strings.TrimSpace(string(name))]++
	b.mu.Unlock()
	_, err := io.Copy(c, c)
	return err
}

func (b *book) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.clients)
}

// introduce connects and sends the client's own address, padded.
func introduce(addr string) (net.Conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if _, err = fmt.Fprintf(c, "%-32s", c.LocalAddr()); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// P1, P2: lodoor is killed in the middle of 1,000 sessions. Every connection that the backend saw has one open record,
// and the next start writes one close for each that was open.
func TestKillInTheMiddle(t *testing.T) {
	seen := &book{clients: make(map[string]int)}
	backend := testkit.Backend(t, testkit.BackendOptions{Serve: seen.serve})
	d := openDoor(t, strconv.Itoa(backend.Port()))
	const sessions = 1000
	stormed := make(chan struct{})
	go func() {
		defer close(stormed)
		storm(d.addr(), sessions)
	}()
	testkit.Wait(t, "half of the sessions to reach the backend", func() bool { return seen.len() > sessions/2 }, 60*time.Second)
	d.Kill()
	<-stormed
	backend.Close()

	opens := make(map[string]int)
	for _, r := range d.records(flow.EventSessionOpen) {
		opens[r.Peer.Addr.String()]++
	}
	if len(backend.Connections()) > len(opens) {
		t.Errorf("the backend saw %d connections, the journal has %d opens", len(backend.Connections()), len(opens))
	}
	for client, n := range seen.clients {
		if n != 1 || opens[client] != 1 {
			t.Errorf("client %s: %d connections at the backend, %d opens", client, n, opens[client])
		}
	}
	closed := len(d.records(flow.EventSessionClose))

	again := d.Start("--journal", d.dir, fmt.Sprintf("svc=%d:%d", d.port, backend.Port()))
	var recovered int
	for _, r := range d.records(flow.EventSessionClose) {
		if r.Outcome.End == flow.EndCrashRecovered {
			recovered++
			if r.Outcome.Known {
				t.Errorf("session %s: counts after a crash", r.Session)
			}
		}
	}
	if recovered == 0 || recovered != len(opens)-closed {
		t.Errorf("%d opens, %d closes before the crash, %d closes recovered", len(opens), closed, recovered)
	}
	if code := again.Stop(); code != exitOK {
		t.Errorf("the second lodoor ended with %d: %s", code, again.Stderr())
	}
	verified(t, d.dir)
	tamper(t, d)
}

// storm opens sessions as fast as it can and leaves half of them open until the door is gone.
func storm(addr string, sessions int) {
	var clients sync.WaitGroup
	defer clients.Wait()
	for i := range sessions {
		c, err := introduce(addr)
		if err != nil {
			return
		}
		clients.Go(func() {
			defer c.Close()
			if i%2 == 0 {
				_, _ = io.Copy(io.Discard, c) // ends with the door
			}
		})
	}
}

// killRounds are a journal over which lodoor is killed again and again, as far as it has been read.
type killRounds struct {
	t       *testing.T
	dir     string
	read    uint64 // the number of the last record that was read
	id      string // the journal's
	open    map[flow.SessionID]bool
	rotated int
}

// follow reads on to the end, and returns how many opens each client has in what is new. Each session is opened once
// and closed once.
func (k *killRounds) follow() map[string]int {
	k.t.Helper()
	opens := make(map[string]int)
	for e, err := range journal.Read(k.dir, journal.From{Seq: k.read + 1}) {
		if err != nil || e.Identity.Seq != k.read+1 {
			k.t.Fatalf("record %d behind %d, %v", e.Identity.Seq, k.read, err)
		}
		k.read, k.id = e.Identity.Seq, e.Identity.Journal
		switch s := e.Record.Session; e.Record.Event {
		case flow.EventSessionOpen:
			opens[e.Record.Peer.Addr.String()]++
			if k.open[s] {
				k.t.Errorf("session %s is opened twice", s)
			}
			k.open[s] = true
		case flow.EventSessionClose:
			if !k.open[s] {
				k.t.Errorf("session %s is closed, and was not open", s)
			}
			delete(k.open, s)
		case flow.EventJournalRotated:
			k.rotated++
		}
	}
	return opens
}

// age makes all segments but the last so old that the next lodoor compresses them.
func (k *killRounds) age() {
	k.t.Helper()
	segments, err := filepath.Glob(filepath.Join(k.dir, "*.jsonl"))
	if err != nil || len(segments) == 0 {
		k.t.Fatalf("segments %v, %v", segments, err)
	}
	old := time.Now().Add(-2 * time.Hour)
	for _, s := range segments[:len(segments)-1] { // their names are in the order of their numbers
		if err := os.Chtimes(s, old, old); err != nil {
			k.t.Fatal(err)
		}
	}
}

// P1, P2: lodoor is killed again and again, amid sessions, rotation, compression and a history that is being written.
// Each connection that the backend saw has exactly one open, each session one close once lodoor runs again, verify is
// content each time, and in the end the history has every record.
func TestKilledAgainAndAgain(t *testing.T) {
	var seen atomic.Pointer[book]
	backend := testkit.Backend(t, testkit.BackendOptions{Serve: func(c net.Conn) error { return seen.Load().serve(c) }})
	home := testkit.NewHome(t)
	port := testkit.FreePort(t)
	k := &killRounds{t: t, dir: filepath.Join(t.TempDir(), "journal"), open: make(map[flow.SessionID]bool)}
	file := filepath.Join(home.Dir(), "lodoor.yaml")
	text := fmt.Sprintf("journal: {dir: %s, rotate_size: 32KiB}\nservices:\n  - {name: svc, listen: %d, backend: %d}\n",
		k.dir, port, backend.Port())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func() *testkit.Door { return home.Start("--config", file, "--quiet") }
	var connections int
	rounds := soak(8, 200)
	for round := range rounds {
		b := &book{clients: make(map[string]int)}
		seen.Store(b)
		d := start()
		if again := k.follow(); len(again) != 0 || len(k.open) != 0 {
			t.Fatalf("round %d: the start left %d sessions open and opened %v", round, len(k.open), again)
		}
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() { storm(fmt.Sprintf("127.0.0.1:%d", port), 1000) })
		}
		testkit.Wait(t, "sessions to reach the backend", func() bool { return b.len() > 30+53*round%200 }, 60*time.Second)
		d.Kill()
		clients.Wait()
		testkit.Wait(t, "the backend to have read all of it", func() bool { return backend.Open() == 0 }, 60*time.Second)
		opens := k.follow()
		for client, n := range b.clients {
			if n != 1 || opens[client] != 1 {
				t.Errorf("round %d: client %s: %d connections at the backend, %d opens", round, client, n, opens[client])
			}
		}
		connections += len(b.clients)
		k.age()
	}
	k.end(start)
	t.Logf("%d rounds, %d connections, %d records, %d rotations", rounds, connections, k.read, k.rotated)
}

// end lets the history catch up, has the segments compressed, and looks at all of it.
func (k *killRounds) end(start func() *testkit.Door) {
	k.t.Helper()
	d := start()
	testkit.Wait(k.t, "the history to catch up", func() bool {
		k.follow()
		return k.stored().Seq == k.read
	}, soak(time.Minute, 20*time.Minute))
	if code := d.Stop(); code != exitOK {
		k.t.Errorf("lodoor ended with %d: %s", code, d.Stderr())
	}
	k.age()
	d = start() // looks for what can be compressed at once
	testkit.Wait(k.t, "the segments to be compressed", func() bool {
		plain, err := filepath.Glob(filepath.Join(k.dir, "*.jsonl"))
		return err == nil && len(plain) <= 2
	}, soak(time.Minute, 20*time.Minute))
	if code := d.Stop(); code != exitOK {
		k.t.Errorf("the last lodoor ended with %d: %s", code, d.Stderr())
	}
	verified(k.t, k.dir)
	if k.follow(); len(k.open) != 0 || k.rotated == 0 {
		k.t.Errorf("%d sessions are open in the end, %d rotations", len(k.open), k.rotated)
	}
	k.compare()
}

// stored is the last record that the history has, the zero identity when it cannot be told.
func (k *killRounds) stored() flow.Identity {
	store, err := history.OpenReader(k.t.Context(), k.dir)
	if err != nil {
		return flow.Identity{}
	}
	defer func() { _ = store.Close() }()
	at, err := store.Position(k.t.Context(), k.id)
	if err != nil {
		return flow.Identity{}
	}
	return at
}

// compare checks that the history has each record of the journal once.
func (k *killRounds) compare() {
	k.t.Helper()
	store, err := history.OpenReader(k.t.Context(), k.dir)
	if err != nil {
		k.t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	if at := k.stored(); at.Seq != k.read {
		k.t.Errorf("the history is at %+v, the journal at %d", at, k.read)
	}
	records := make(map[flow.Identity]bool)
	for e, err := range store.Records(k.t.Context(), history.Filter{}) {
		if err != nil {
			k.t.Fatal(err)
		}
		if records[e.Identity] {
			k.t.Errorf("record %+v is twice in the history", e.Identity)
		}
		records[e.Identity] = true
	}
	for e, err := range journal.Read(k.dir, journal.From{}) {
		if err != nil {
			k.t.Fatal(err)
		}
		if !records[e.Identity] {
			k.t.Fatalf("record %+v is not in the history, which has %d of %d", e.Identity, len(records), k.read)
		}
	}
	if uint64(len(records)) != k.read {
		k.t.Errorf("the history has %d records, the journal %d", len(records), k.read)
	}
}

// tamper changes a copy of the journal in each of several ways, and verify must not be content with any (P5).
func tamper(t *testing.T, d *testDoor) {
	t.Helper()
	middle := func(lines [][]byte) int { return len(lines) / 2 }
	for name, change := range map[string]func(lines [][]byte) [][]byte{
		"a bit flipped": func(l [][]byte) [][]byte { l[middle(l)][20] ^= 1; return l },
		"a line gone":   func(l [][]byte) [][]byte { return append(l[:middle(l)], l[middle(l)+1:]...) },
		"two lines swapped": func(l [][]byte) [][]byte {
			l[middle(l)], l[middle(l)+1] = l[middle(l)+1], l[middle(l)]
			return l
		},
		"a line twice": func(l [][]byte) [][]byte { return append(l[:middle(l)+1], l[middle(l):]...) },
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(d.dir)); err != nil {
			t.Fatal(err)
		}
		segments, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
		if err != nil || len(segments) == 0 {
			t.Fatalf("segments %v, %v", segments, err)
		}
		text, err := os.ReadFile(segments[0])
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Join(change(bytes.SplitAfter(text, []byte("\n"))), nil)
		if err := os.WriteFile(segments[0], changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if report, err := journal.Verify(dir); err != nil || report.Problem == nil {
			t.Errorf("%s: verify is content (%v)", name, err)
		}
		if _, stderr, code := d.Run("verify", dir); code != exitFailure {
			t.Errorf("%s: lodoor verify ended with %d: %s", name, code, stderr)
		}
	}
}
