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
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
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
