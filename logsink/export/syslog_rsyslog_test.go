package export

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/journal"
)

// rsyslog is Debian's, with a configuration of the test. It writes what comes to a file: facility and severity,
// program, MSGID and message of each.
type rsyslog struct {
	*testkit.Child
	dir, config, out string
	udp, tcp         int
	socket           string
}

const rsyslogConfig = `
global(workDirectory=%[1]q maxMessageSize="64k")
module(load="imudp") module(load="imtcp") module(load="imuxsock" sysSock.use="off")
template(name="seen" type="string" string="%%pri%% %%app-name%% %%msgid%% %%msg%%\n")
ruleset(name="all") { action(type="omfile" file=%[2]q template="seen" asyncWriting="off" flushOnTXEnd="on") }
input(type="imudp" address="127.0.0.1" port="%[3]d" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="%[4]d" ruleset="all")
input(type="imuxsock" socket=%[5]q ruleset="all" rateLimit.interval="0")
`

func startRsyslog(t *testing.T) *rsyslog {
	t.Helper()
	testkit.Need(t, "rsyslogd")
	dir := t.TempDir()
	s := &rsyslog{
		dir: dir, out: filepath.Join(dir, "out"), socket: filepath.Join(dir, "log"),
		config: filepath.Join(dir, "rsyslog.conf"),
		udp:    testkit.FreePort(t), tcp: testkit.FreePort(t),
	}
	text := fmt.Sprintf(rsyslogConfig, dir, s.out, s.udp, s.tcp, s.socket)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	return s
}

func (s *rsyslog) start(t *testing.T) {
	t.Helper()
	_ = os.Remove(s.socket) // what a killed one left behind
	s.Child = testkit.Start(t, exec.Command(testkit.Program(t, "rsyslogd"), "-n", "-f", s.config, "-i",
		filepath.Join(s.dir, "pid")))
	testkit.Wait(t, "rsyslogd", func() bool {
		if s.Exited() {
			t.Fatalf("rsyslogd ended: %s", s.Stderr())
		}
		conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", s.tcp))
		if err == nil {
			conn.Close()
			_, err = os.Stat(s.socket)
		}
		return err == nil
	}, longWait)
}

// seen is how often each line was written.
func (s *rsyslog) seen(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile(s.out)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	m := map[string]int{}
	for line := range bytes.Lines(text) {
		m[strings.ReplaceAll(strings.TrimSuffix(string(line), "\n"), bom, "")]++
	}
	return m
}

// lines are what rsyslog should write of entries.
func rsyslogLines(entries []journal.Entry, local bool) map[string]int {
	m := map[string]int{}
	for _, e := range entries {
		pri, event, space := 16<<3|syslogSeverity(&e.Record), e.Record.Event.String(), ""
		if local {
			event, space = "-", " " // syslog(3) has no MSGID, and the space behind its tag is rsyslog's message
		}
		m[fmt.Sprintf("%d lodoor %s %s%s", pri, event, space, testFrom().Wrap(nil, e))] = 1
	}
	return m
}

func (s *rsyslog) wants(t *testing.T, entries []journal.Entry, local bool) {
	t.Helper()
	want := rsyslogLines(entries, local)
	testkit.Wait(t, "rsyslog to write", func() bool { return len(s.seen(t)) >= len(want) }, longWait)
	if diff := cmp.Diff(want, s.seen(t)); diff != "" {
		t.Errorf("%.3000s", diff)
	}
}

// TestRsyslog has a real server take everything, on each way, whatever a peer is called.
func TestRsyslog(t *testing.T) {
	entries := written(t, 300)
	for name, way := range map[string]func(s *rsyslog) SyslogSettings{
		"udp":  func(s *rsyslog) SyslogSettings { return SyslogSettings{Address: fmt.Sprint("udp://127.0.0.1:", s.udp)} },
		"tcp":  func(s *rsyslog) SyslogSettings { return SyslogSettings{Address: fmt.Sprint("tcp://127.0.0.1:", s.tcp)} },
		"unix": func(s *rsyslog) SyslogSettings { return SyslogSettings{Address: "unix://" + s.socket} },
		"newline": func(s *rsyslog) SyslogSettings {
			return SyslogSettings{Address: fmt.Sprint("tcp://127.0.0.1:", s.tcp), Framing: framingNewline}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := startRsyslog(t)
			d, sent := newSyslog(t, way(s)), 0
			for some := range slices.Chunk(entries, 20) { // a receiver of UDP that is slow would lose more of them
				if errs := drive(t, d, some); len(errs) != 0 {
					t.Error(errs)
				}
				sent += len(some)
				testkit.Wait(t, "rsyslog to write", func() bool { return len(s.seen(t)) >= sent }, longWait)
			}
			s.wants(t, entries, name == "unix")
		})
	}
}

// TestRsyslogKilled kills the server in the middle, and feeds a journal to it meanwhile: every record is there in the
// end, the ones about which nobody can know perhaps twice.
func TestRsyslogKilled(t *testing.T) {
	s := startRsyslog(t)
	dir := t.TempDir()
	j := openJournal(t, dir)
	f, stop := feed(t, j, newSyslog(t, SyslogSettings{Address: fmt.Sprint("tcp://127.0.0.1:", s.tcp)}))
	appendRecords(t, j, 500)
	settle(t, f)
	testkit.Wait(t, "rsyslog to write what it has read", func() bool { return len(s.seen(t)) >= 500 }, longWait)
	s.Kill()
	appendRecords(t, j, 500)
	testkit.Wait(t, "an error", func() bool { return f.Stats().Err != nil }, longWait)
	s.start(t)
	settle(t, f)
	j.stop()
	stop()
	want := rsyslogLines(entriesOf(t, dir), false)
	testkit.Wait(t, "rsyslog to write", func() bool { return len(s.seen(t)) >= len(want) }, longWait)
	got := s.seen(t)
	for line := range want {
		if got[line] == 0 {
			t.Errorf("missing: %s", line)
		}
		delete(got, line)
	}
	if len(got) > 0 {
		t.Errorf("%d lines that nobody sent: %.2000v", len(got), got)
	}
}
