package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// fullDisk is a door whose journal, with the history and all that goes with it, is on a file system of 8 MiB that another
// file can fill. Its alerts are appended to a file elsewhere.
type fullDisk struct {
	*testDoor
	home    *testkit.Home
	backend *testkit.BackendServer
	file    string // the configuration
	alerts  string
	ballast string
}

const diskSize = 8 << 20

func fullDiskHome(t *testing.T, policy journal.OnFull) *fullDisk {
	t.Helper()
	testkit.NeedRoot(t)
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%d", diskSize)); err != nil {
		testkit.Missing(t, "mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	home := testkit.NewHome(t)
	f := &fullDisk{
		testDoor: &testDoor{t: t, port: testkit.FreePort(t), dir: filepath.Join(disk, "journal")},
		home:     home, backend: testkit.EchoServer(t),
		file:    filepath.Join(home.Dir(), "lodoor.yaml"),
		alerts:  filepath.Join(home.Dir(), "alerts"),
		ballast: filepath.Join(disk, "ballast"),
	}
	text := fmt.Sprintf(`journal: {dir: %s, on_full: %s}
alerts: {command: [%s, -a, %s]}
shutdown: {drain: 1s}
services:
  - {name: svc, listen: %d, backend: %d}
`, f.dir, policy, testkit.Program(t, "tee"), f.alerts, f.port, f.backend.Port())
	if err := os.WriteFile(f.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fullDisk) start() { f.Door = f.home.Start("--config", f.file, "--quiet") }

// fill leaves not a byte free.
func (f *fullDisk) fill() {
	f.t.Helper()
	b, err := os.OpenFile(f.ballast, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		f.t.Fatal(err)
	}
	defer b.Close()
	for block := bytes.Repeat([]byte{1}, 64<<10); err == nil; {
		_, err = b.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		f.t.Fatalf("the disk is not full: %v", err)
	}
}

func (f *fullDisk) makeRoom() {
	f.t.Helper()
	if err := os.Remove(f.ballast); err != nil {
		f.t.Fatal(err)
	}
}

// enter opens a session and says whether its bytes came back.
func (f *fullDisk) enter() (c net.Conn, in bool) {
	f.t.Helper()
	c, err := net.Dial("tcp", f.addr())
	if err != nil {
		return nil, false
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c, echoed(c)
}

func echoed(c net.Conn) bool {
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write([]byte("ping")); err != nil {
		return false
	}
	_, err := io.ReadFull(c, make([]byte, 4))
	return err == nil
}

// visit is a whole session. It says whether the client was let in.
func (f *fullDisk) visit() bool {
	f.t.Helper()
	c, in := f.enter()
	if c != nil {
		_ = c.Close()
	}
	return in
}

// journalStatus is what lodoor status says of the journal.
func (f *fullDisk) journalStatus() *control.JournalStatus {
	f.t.Helper()
	stdout, stderr, code := f.home.Run("status", "--dir", f.dir, "--json")
	var s control.Status
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != exitOK || s.Journal == nil {
		f.t.Fatalf("lodoor status ended with %d, %v: %s%s", code, err, stdout, stderr)
	}
	return s.Journal
}

// awaitAlert waits until the alert of the full disk, or that it is over, is in the journal and was delivered.
func (f *fullDisk) awaitAlert(resolved bool) {
	f.t.Helper()
	testkit.Wait(f.t, fmt.Sprintf("the alert in the journal, resolved %v", resolved), func() bool {
		for _, r := range f.records(flow.EventAlert) {
			if r.Alert.Condition == alert.DiskFull && r.Alert.Resolved == resolved {
				return true
			}
		}
		return false
	}, 30*time.Second)
	testkit.Wait(f.t, fmt.Sprintf("the alert at the command, resolved %v", resolved), func() bool {
		got, err := os.ReadFile(f.alerts)
		return err == nil && delivered(got, resolved)
	}, 30*time.Second)
}

// delivered says whether the alert of the full disk is among the messages.
func delivered(messages []byte, resolved bool) bool {
	for d := json.NewDecoder(bytes.NewReader(messages)); ; {
		var m struct {
			Condition string `json:"condition"`
			Resolved  bool   `json:"resolved"`
		}
		if err := d.Decode(&m); err != nil {
			return false
		}
		if m.Condition == alert.DiskFull && m.Resolved == resolved {
			return true
		}
	}
}

// ended stops the door and checks the journal, which had to drop so many records.
func (f *fullDisk) ended(dropped uint64) {
	f.t.Helper()
	if code := f.Stop(); code != exitOK {
		f.t.Errorf("lodoor ended with %d:\n%s", code, f.Stderr())
	}
	report, err := journal.Verify(f.dir)
	if err != nil || report.Problem != nil {
		f.t.Fatalf("verify: %v, %v", report.Problem, err)
	}
	if report.Opens != report.Closes || report.Dropped != dropped {
		f.t.Errorf("report %+v, %d were dropped", report, dropped)
	}
}

// P7, drop: sessions go on while nothing can be written, what is missing is counted, and the alert is in the journal
// and at whoever gets alerts.
func TestFullDiskDrop(t *testing.T) {
	f := fullDiskHome(t, journal.OnFullDrop)
	f.start()
	kept, in := f.enter()
	if !in {
		t.Fatal("the first client is not served")
	}
	f.fill()
	const visits = 100
	for n := range visits {
		if !f.visit() {
			t.Fatalf("visit %d: the client is not served", n)
		}
	}
	f.awaitAlert(false)
	if !echoed(kept) {
		t.Error("the session that was open has ended")
	}
	f.makeRoom()
	f.awaitAlert(true)
	if !f.visit() {
		t.Error("nobody is served now that there is room")
	}
	testkit.Wait(t, "the last session to be closed", func() bool { return f.backend.Open() == 1 }, 20*time.Second)
	_ = kept.Close()
	testkit.Wait(t, "the first session to be closed", func() bool { return f.backend.Open() == 0 }, 20*time.Second)
	dropped := f.journalStatus().Dropped
	f.ended(dropped)
	opens := len(f.records(flow.EventSessionOpen))
	lost := uint64(visits + 2 - opens)
	// Of each session that is missing an open, a close and, when it was told apart, an origin.
	if lost < visits/2 || dropped < 2*lost || dropped > 3*lost {
		t.Errorf("%d sessions are missing, %d records were dropped", lost, dropped)
	}
}

// P7, refuse: nobody is let in whose open cannot be written, and nothing reaches the backend; who was in stays.
func TestFullDiskRefuse(t *testing.T) {
	f := fullDiskHome(t, journal.OnFullRefuse)
	f.start()
	kept, in := f.enter()
	if !in {
		t.Fatal("the first client is not served")
	}
	f.fill()
	testkit.Wait(t, "a client to be refused", func() bool { return !f.visit() }, 30*time.Second)
	seen := len(f.backend.Connections())
	for n := range 50 {
		if f.visit() {
			t.Fatalf("visit %d: a client got in", n)
		}
	}
	if now := len(f.backend.Connections()); now != seen {
		t.Errorf("%d connections reached the backend", now-seen)
	}
	if !echoed(kept) {
		t.Error("the session that was open has ended")
	}
	f.awaitAlert(false)
	f.makeRoom()
	testkit.Wait(t, "a client to be let in", f.visit, 30*time.Second)
	f.awaitAlert(true)
	_ = kept.Close()
	testkit.Wait(t, "all sessions to be closed", func() bool { return f.backend.Open() == 0 }, 20*time.Second)
	f.ended(f.journalStatus().Dropped)
	if opens := len(f.records(flow.EventSessionOpen)); opens != len(f.backend.Connections()) {
		t.Errorf("%d opens, the backend saw %d connections", opens, len(f.backend.Connections()))
	}
}

// P7, stop: lodoor ends and says why, whatever the first record was that found no room. Who is in has the time of the
// drain, and is closed in the journal.
func TestFullDiskStop(t *testing.T) {
	for name, open := range map[string]int{"at an open": 1, "at a close": 60} {
		t.Run(name, func(t *testing.T) {
			f := fullDiskHome(t, journal.OnFullStop)
			f.start()
			var kept []net.Conn
			for range open {
				c, in := f.enter()
				if !in {
					t.Fatal("the first clients are not served")
				}
				kept = append(kept, c)
			}
			f.fill()
			for _, c := range kept[1:] {
				_ = c.Close()
			}
			testkit.Wait(t, "the closes", func() bool { return f.backend.Open() == 1 }, 20*time.Second)
			testkit.Wait(t, "lodoor to end", func() bool { f.visit(); return f.Exited() }, 30*time.Second)
			if code := f.Wait(0); code != exitFailure {
				t.Errorf("lodoor ended with %d", code)
			}
			for _, words := range []string{"no space left on device", "on_full says that lodoor ends then"} {
				if !strings.Contains(f.Stderr(), words) {
					t.Errorf("%q is not in what lodoor said:\n%s", words, f.Stderr())
				}
			}
			opens, closes := f.records(flow.EventSessionOpen), f.records(flow.EventSessionClose)
			if len(opens) != len(f.backend.Connections()) || len(closes) != len(opens) {
				t.Errorf("%d connections at the backend, %d opens, %d closes", len(f.backend.Connections()), len(opens), len(closes))
			}
			drained := closes[len(closes)-1]
			if drained.Outcome.End != flow.EndDrain || !drained.Outcome.Known {
				t.Errorf("the session that was open ended by %s", drained.Outcome.End)
			}
			verified(t, f.dir)
		})
	}
}

// TestStartOnAFullDisk: with what the reserve of the last run holds lodoor starts; where there is none it says what to
// do, be it a new journal or one that was written before.
func TestStartOnAFullDisk(t *testing.T) {
	f := fullDiskHome(t, journal.OnFullDrop)
	f.start()
	if !f.visit() {
		t.Fatal("the first client is not served")
	}
	f.Kill() // with records at the end that the next start has to add to
	f.fill()
	f.start()
	for range 20 {
		if !f.visit() {
			t.Fatal("a client is not served after a start on a full disk")
		}
	}
	f.awaitAlert(false)
	f.Kill() // the reserve has been given up, and cannot have been made again
	f.fill()
	f.sentAway("--journal", filepath.Join(filepath.Dir(f.dir), "fresh"))
	f.sentAway()
	f.makeRoom()
	f.start()
	if !f.visit() {
		t.Error("a client is not served now that there is room")
	}
	testkit.Wait(t, "all sessions to be closed", func() bool { return f.backend.Open() == 0 }, 20*time.Second)
	if code := f.Stop(); code != exitOK {
		t.Errorf("lodoor ended with %d:\n%s", code, f.Stderr())
	}
	verified(t, f.dir)
}

// sentAway starts lodoor until it does not start. As long as there is room for a record at a segment's end it does.
func (f *fullDisk) sentAway(args ...string) {
	f.t.Helper()
	var child *testkit.Child
	testkit.Wait(f.t, "a start to fail", func() bool {
		ports := filepath.Join(f.t.TempDir(), "fronts")
		child = testkit.Start(f.t, f.home.Command(append([]string{"run", "--config", f.file, "--quiet", "--port-file", ports},
			args...)...))
		defer child.Kill()
		testkit.Wait(f.t, "lodoor to start or to end", func() bool {
			_, err := os.Stat(ports)
			return err == nil || child.Exited()
		}, 30*time.Second)
		return child.Exited()
	}, 60*time.Second)
	for _, words := range []string{"no space left on device", "make room", "--journal DIR", "--journal off"} {
		if said := child.Stderr(); child.Wait(0) != exitFailure || !strings.Contains(said, words) {
			f.t.Errorf("%v: lodoor ended with %d, and does not say %q: %s", args, child.Wait(0), words, said)
		}
	}
}
