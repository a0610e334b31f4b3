package journal

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	// crashChildDir makes the test binary a writer of the journal in that directory, which never ends by itself.
	crashChildDir = "LODOOR_TEST_CRASH_DIR"
	// soak makes long tests long.
	soak     = "LODOOR_SOAK"
	waitLong = 20 * time.Second
)

// crashChild opens and closes sessions on several goroutines, half of which write themselves, and prints each one whose open was promised.
func crashChild(dir string) {
	c := small(dir)
	c.Settings.RotateSize = 64 << 10
	j, err := Open(c)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for n := range 8 {
		give := appendWait
		if n%2 == 0 {
			give = flushWait
		}
		go func() {
			for i := 0; ; i++ {
				id := flow.NewSessionID()
				if _, err := give(j, opened(id)); err != nil {
					os.Exit(1)
				}
				fmt.Println(id) //nolint:forbidigo // it is a program of its own
				if i%3 > 0 {
					j.Append(closed(id), nil)
				}
			}
		}()
	}
	fmt.Fprintln(os.Stderr, j.Run(context.Background()))
	os.Exit(1)
}

// TestKill kills a writer at some instant, again and again, over one journal: each session that was promised has one
// open and one close when the next one has started, and the journal is whole (P2, P3, P4).
func TestKill(t *testing.T) {
	rounds := 10
	if os.Getenv(soak) == "1" {
		rounds = 200
	}
	dir := t.TempDir()
	promised := map[string]bool{}
	for round := range rounds {
		for _, id := range killOne(t, dir, 50+37*round%400) {
			promised[id] = true
		}
		restart(t, dir)
		r := content(t, dir)
		if r.Opens != r.Closes || r.Opens < uint64(len(promised)) {
			t.Fatalf("round %d: %d promised, report %+v", round, len(promised), r)
		}
	}
	if pairs := pairing(t, dir); pairs != "" {
		t.Error(pairs)
	}
	for _, e := range entries(t, dir) {
		if e.Record.Event == flow.EventSessionOpen {
			delete(promised, e.Record.Session.String())
		}
	}
	if len(promised) > 0 {
		t.Errorf("%d sessions were promised and are not in the journal", len(promised))
	}
}

// killOne runs a writer until it has promised n sessions, kills it and returns all that it promised.
func killOne(t *testing.T, dir string, n int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), crashChildDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceValue(cmd.Process.Kill)
	defer func() { _ = kill() }()
	var ids []string
	lines := bufio.NewScanner(out)
	for lines.Scan() { // to the end: what was printed was promised
		if line := lines.Text(); len(line) == len(flow.SessionID{}) {
			ids = append(ids, line)
		}
		if len(ids) == n {
			if err := kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the writer ended by itself after %d sessions: %v", len(ids), err)
	}
	return ids
}
