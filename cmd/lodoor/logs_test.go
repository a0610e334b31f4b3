package main

import (
	"bufio"
	"context"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// TestLogs runs logs over two journals that are really written: state/journal/one and two, whose records alternate, ten
// seconds apart, beginning at 2100-03-04T15:04:00Z: a journal begins with a journal.start of today.
func TestLogs(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/logs", RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			env.Setenv("GORACE", "atexit_sleep_ms=10") // as in TestScript
			env.Setenv("STATE_DIRECTORY", filepath.Join(env.WorkDir, "state"))
			env.Setenv("RUNTIME_DIRECTORY", filepath.Join(env.WorkDir, "run"))
			base := filepath.Join(env.WorkDir, "state", "journal")
			begin := time.Date(2100, 3, 4, 15, 4, 0, 0, time.UTC)
			for i, name := range []string{"one", "two"} {
				at := begin.Add(time.Duration(i) * 10 * time.Second)
				if err := writeJournal(filepath.Join(base, name), sessionOf(name, at)...); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

func writeJournal(dir string, records ...flow.Record) error {
	j, err := journal.Open(journal.Config{Settings: journal.Settings{Dir: dir, KeepFree: 1}})
	if err != nil {
		return err
	}
	return within(j.Run, func() error {
		for _, r := range records {
			done := make(chan error, 1)
			j.Append(r, func(_ flow.Identity, err error) { done <- err })
			if err := <-done; err != nil {
				return err
			}
		}
		return nil
	})
}

// sessionOf is an open, a refusal and a close of a service.
func sessionOf(service string, at time.Time) []flow.Record {
	var id flow.SessionID
	copy(id[:], "k"+service+"0000000000000000")
	peer := &flow.Peer{
		Addr: netip.MustParseAddrPort("127.0.0.1:51234"), Front: netip.MustParseAddrPort("127.0.0.1:62893"),
		Zone: flow.ZoneLoopback, Proof: flow.ProofIngress,
	}
	origin := &flow.Origin{Attribution: flow.AttributionLiveSocket, UID: 1000, User: "alice", PID: 7, Program: "psql\x1b[2J"}
	backend := &flow.Endpoint{Host: "127.0.0.1", Port: 5432}
	return []flow.Record{
		{Time: at, Event: flow.EventSessionOpen, Service: service, Session: id, Peer: peer, Origin: origin, Backend: backend,
			Verdict: &flow.Verdict{Action: flow.Allow, Rule: "builtin.local"}},
		{Time: at.Add(20 * time.Second), Event: flow.EventSessionRefused, Service: service, Peer: peer,
			Verdict: &flow.Verdict{Cause: flow.CauseLimit, Reason: "too many"}, Refusal: &flow.Refusal{Count: 1}},
		{Time: at.Add(40 * time.Second), Event: flow.EventSessionClose, Service: service, Session: id, Peer: peer,
			Origin: origin, Backend: backend, Outcome: &flow.Outcome{
				Known: true, FromClient: 10, FromBackend: 2048, Duration: 40 * time.Second, End: flow.EndReset,
				EndedBy: flow.SideClient,
			}},
	}
}

// TestLogsFollow reads what is written while it looks, in a journal that was there and in one that appears.
func TestLogsFollow(t *testing.T) {
	base := t.TempDir()
	t.Setenv("STATE_DIRECTORY", base)
	now := time.Now()
	dir := func(name string) string { return filepath.Join(base, "journal", name) }
	if err := writeJournal(dir("follow"), sessionOf("old", now.Add(-time.Hour))...); err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	errs, errw := io.Pipe()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	go func() {
		code := run(ctx, []string{"logs", "--follow", "--event", "session.open"}, w, errw)
		_, _ = w.Close(), errw.Close()
		ended <- code
	}()
	told := bufio.NewScanner(errs)
	if !told.Scan() || !strings.HasPrefix(told.Text(), "lodoor: following ") {
		t.Fatalf("standard error has %q", told.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, errs) }()
	lines := bufio.NewScanner(r)
	for _, name := range []string{"follow", "appears"} {
		if err := writeJournal(dir(name), sessionOf(name, now.Add(time.Minute))...); err != nil {
			t.Fatal(err)
		}
		if !lines.Scan() || !strings.Contains(lines.Text(), " "+name+" ") {
			t.Fatalf("after a write to %s: %q", name, lines.Text())
		}
	}
	stop()
	if lines.Scan() {
		t.Errorf("one line too much: %q", lines.Text())
	}
	if code := <-ended; code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// A reader that leaves, as head does, is no error.
func TestLogsToAClosedPipe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "j")
	if err := writeJournal(dir, sessionOf("pg", time.Now())...); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	_ = r.Close()
	var errs strings.Builder
	if code := run(context.Background(), []string{"logs", "--dir", dir}, w, &errs); code != exitOK || errs.Len() > 0 {
		t.Errorf("exit %d, %q", code, errs.String())
	}
}

func TestParseSince(t *testing.T) {
	now := time.Date(2025, 3, 4, 15, 4, 5, 0, time.UTC)
	for s, want := range map[string]time.Time{
		"":                          {},
		"1h":                        now.Add(-time.Hour),
		"2d":                        now.Add(-48 * time.Hour),
		"2025-01-02T03:04:05Z":      time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC),
		"2025-01-02T03:04:05+02:00": time.Date(2025, 1, 2, 1, 4, 5, 0, time.UTC),
		"2025-01-02":                time.Date(2025, 1, 2, 0, 0, 0, 0, time.Local),
		"2025-01-02 03:04":          time.Date(2025, 1, 2, 3, 4, 0, 0, time.Local),
	} {
		if got, err := parseTime("since", s, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"yesterday", "-1h", "5", "2025-13-01"} {
		if got, err := parseTime("since", s, now); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
}
