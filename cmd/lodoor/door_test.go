package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// testDoor is a running lodoor in front of one service.
type testDoor struct {
	*testkit.Door
	t    *testing.T
	port int
	dir  string // the journal's
}

// openDoor starts lodoor with a journal of its own, in front of backend, which is written as run takes it.
func openDoor(t *testing.T, backend string, args ...string) *testDoor {
	t.Helper()
	return openDoorIn(t, testkit.NewHome(t), backend, args...)
}

func openDoorIn(t *testing.T, home *testkit.Home, backend string, args ...string) *testDoor {
	t.Helper()
	d := &testDoor{t: t, port: testkit.FreePort(t), dir: filepath.Join(t.TempDir(), "journal")}
	d.Door = home.Start(append(args, "--journal", d.dir, fmt.Sprintf("svc=%d:%s", d.port, backend))...)
	return d
}

func (d *testDoor) addr() string { return "127.0.0.1:" + d.portText() }

func (d *testDoor) portText() string { return strconv.Itoa(d.port) }

// records are those of one event in the door's journal so far.
func (d *testDoor) records(e flow.Event) []flow.Record {
	d.t.Helper()
	return readRecords(d.t, d.dir, e)
}

func readRecords(t *testing.T, dir string, e flow.Event) []flow.Record {
	t.Helper()
	var some []flow.Record
	for entry, err := range journal.Read(dir, journal.From{}) {
		if err != nil {
			t.Fatalf("read journal: %v", err)
		}
		if entry.Record.Event == e {
			some = append(some, entry.Record)
		}
	}
	return some
}

// await waits until the journal has n records of an event.
func (d *testDoor) await(e flow.Event, n int) []flow.Record {
	d.t.Helper()
	testkit.Wait(d.t, fmt.Sprintf("%d records %s", n, e), func() bool { return len(d.records(e)) >= n }, 30*time.Second)
	return d.records(e)
}

// settle stops the door and checks what must hold of every door that was stopped in order: as many closes as opens,
// all with known counts, and a journal that verify is content with. It returns the closes.
func (d *testDoor) settle() []flow.Record {
	d.t.Helper()
	if code := d.Stop(); code != exitOK {
		d.t.Fatalf("lodoor ended with %d:\n%s", code, d.Stderr())
	}
	opens, closes := d.records(flow.EventSessionOpen), d.records(flow.EventSessionClose)
	if len(opens) != len(closes) {
		d.t.Errorf("%d opens, %d closes", len(opens), len(closes))
	}
	closed := make(map[flow.SessionID]bool)
	for _, r := range closes {
		closed[r.Session] = true
		if !r.Outcome.Known {
			d.t.Errorf("session %s was closed without counts", r.Session)
		}
	}
	for _, r := range opens {
		if !closed[r.Session] {
			d.t.Errorf("session %s has no close", r.Session)
		}
	}
	verified(d.t, d.dir)
	return closes
}

// verified checks that verify is content with a journal.
func verified(t *testing.T, dir string) {
	t.Helper()
	report, err := journal.Verify(dir)
	if err != nil {
		t.Fatal(err)
	}
	if report.Problem != nil {
		t.Errorf("verify: %v", report.Problem)
	}
}

// soak is the long form of a figure when the long tests run.
func soak[T any](short, long T) T {
	if os.Getenv("LODOOR_SOAK") != "" {
		return long
	}
	return short
}

// lines are the lines of a text that contain a word.
func lines(text, word string) []string {
	var some []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			some = append(some, strings.TrimSpace(line))
		}
	}
	return some
}
