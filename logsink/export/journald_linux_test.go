package export

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

func newJournald(t testing.TB, socket string) *Journald {
	t.Helper()
	d, err := NewJournald(JournaldConfig{Settings: JournaldSettings{Enabled: true, Socket: socket}, From: testFrom()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// nativeFields decodes the native protocol of systemd's journal.
func nativeFields(t testing.TB, text []byte) map[string]string {
	t.Helper()
	m := map[string]string{}
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		name, value, short := strings.Cut(string(line), "=")
		if !short {
			size := binary.LittleEndian.Uint64(rest)
			value, rest = string(rest[8:8+size]), rest[8+size+1:]
		}
		if _, twice := m[name]; twice {
			t.Errorf("field %s came twice", name)
		}
		m[name], text = value, rest
	}
	return m
}

// receiveNative reads one entry, which may be in a sealed file.
func receiveNative(t testing.TB, conn *net.UnixConn) map[string]string {
	t.Helper()
	buffer, control := make([]byte, 1<<20), make([]byte, 64)
	n, nc, _, _, err := conn.ReadMsgUnix(buffer, control)
	if err != nil {
		t.Fatal(err)
	}
	if nc == 0 {
		return nativeFields(t, buffer[:n])
	}
	messages, err := unix.ParseSocketControlMessage(control[:nc])
	if err != nil || n != 0 {
		t.Fatalf("%d bytes and control messages: %v", n, err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[0]), "memfd")
	defer f.Close()
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if want := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL; err != nil || seals != want {
		t.Errorf("seals %#x, %v", seals, err)
	}
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	if err != nil {
		t.Fatal(err)
	}
	return nativeFields(t, text)
}

func TestJournaldProtocol(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	d, entries := newJournald(t, path), written(t, 1)
	open := find(t, entries, flow.EventSessionOpen)
	large := open
	large.Line = []byte(`{"seq":1,"x":"` + strings.Repeat("x", 1<<20) + `"}`)
	deliver(t, d, []journal.Entry{open, large})
	want := map[string]string{
		"MESSAGE": "pg: session 012345 opened by " + visible(open.Record.Origin.Program) + " (process 4242)", "PRIORITY": "6",
		"SYSLOG_IDENTIFIER": "lodoor", "LODOOR_EVENT": "session.open", "LODOOR_SERVICE": "pg",
		"LODOOR_SESSION": "0123456789abcde0", "LODOOR_JOURNAL": open.Identity.Journal, "LODOOR_EPOCH": open.Identity.Epoch,
		"LODOOR_SEQ": fmt.Sprint(open.Identity.Seq), "LODOOR_VERSION": "v0.1.0", "LODOOR_HOST_NAME": "ada.example",
		"LODOOR_HOST_ID": testFrom().Host.ID, "LODOOR_RECORD": string(open.Line),
	}
	for _, line := range []string{string(open.Line), string(large.Line)} {
		want["LODOOR_RECORD"] = line
		if diff := cmp.Diff(want, receiveNative(t, conn)); diff != "" {
			t.Errorf("%.2000s", diff)
		}
	}
}

// TestJournaldFields keeps fields apart that have a newline in them.
func TestJournaldFields(t *testing.T) {
	var f journaldFields
	f.add("A", "a=b\nPRIORITY=0\n")
	f.add("EMPTY", "")
	f.add("B", "c")
	if diff := cmp.Diff(map[string]string{"A": "a=b\nPRIORITY=0\n", "B": "c"}, nativeFields(t, f.out)); diff != "" {
		t.Error(diff)
	}
}

// TestJournaldStuck has nobody read the socket: the delivery ends with its context, and says what was sent.
func TestJournaldStuck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	d, entries := newJournald(t, path), written(t, 2000)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	n, err := d.Deliver(ctx, entries)
	if n == 0 || n == len(entries) || err == nil {
		t.Fatalf("got %d, %v", n, err)
	}
	for i := range n {
		if got := receiveNative(t, conn)["LODOOR_SEQ"]; got != fmt.Sprint(i+1) {
			t.Fatalf("entry %d has number %s", i, got)
		}
	}
}

// TestJournaldReal runs systemd-journald in a mount namespace of its own, and asks journalctl what it has.
func TestJournaldReal(t *testing.T) {
	testkit.NeedRoot(t)
	const daemon = "/usr/lib/systemd/systemd-journald"
	testkit.Need(t, "unshare", "mount", "journalctl", daemon)
	const script = `mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal /run/log/journal &&
		mkdir /run/systemd/journald.conf.d && cd /run/systemd/journald.conf.d &&
		printf '[Journal]\nAudit=no\nReadKMsg=no\nRateLimitBurst=0\nStorage=volatile\n' > test.conf &&
		exec ` + daemon
	child := testkit.Start(t, exec.Command(testkit.Program(t, "unshare"), "--mount", "--propagation", "private",
		"sh", "-c", script))
	run := fmt.Sprintf("/proc/%d/root/run", child.PID())
	socket := run + "/systemd/journal/socket"
	testkit.Wait(t, "journald", func() bool {
		if child.Exited() {
			testkit.Missing(t, "systemd-journald does not run here: %s", child.Stderr())
		}
		_, err := os.Stat(socket)
		return err == nil
	}, longWait)
	d, entries := newJournald(t, socket), written(t, 300)
	large := find(t, entries, flow.EventSessionOpen)
	large.Identity.Seq = 9999
	large.Line = []byte(`{"seq":9999,"x":"` + strings.Repeat("x", 1<<20-20) + `"}`)
	deliver(t, d, append(entries, large))
	want := map[string]int{string(large.Line): 1}
	for _, e := range entries {
		want[string(e.Line)]++
	}
	var got map[string]int
	testkit.Wait(t, "journald to write", func() bool {
		got = journalctl(t, run+"/log/journal")
		return len(got) >= len(want)
	}, longWait)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%.2000s", diff)
	}
}

// journalctl is how often each record is in the journal.
func journalctl(t testing.TB, dir string) map[string]int {
	t.Helper()
	out, err := exec.Command("journalctl", "-D", dir, "-o", "json", "--all", "--output-fields=LODOOR_RECORD,MESSAGE",
		"SYSLOG_IDENTIFIER=lodoor").Output()
	if err != nil {
		return nil // it was just written to
	}
	m := map[string]int{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var e struct {
			Record  string `json:"LODOOR_RECORD"`
			Message string `json:"MESSAGE"`
		}
		if err := d.Decode(&e); err == io.EOF {
			return m
		} else if err != nil {
			t.Fatal(err)
		}
		m[e.Record]++
	}
}

func operationRecord(o flow.Operation) flow.Record {
	o.Started = time.Unix(1, 0)
	return flow.Record{
		Time: time.Unix(1, 1_500_000), Event: flow.EventOperation, Service: "pg", Session: openRecord(0).Session, Operation: &o,
	}
}

func TestSummary(t *testing.T) {
	for want, r := range map[string]flow.Record{
		"pg: refused 7 connections: it is not local": refusedRecord(),
		"journal.start":               {Event: flow.EventJournalStart, Journal: &flow.Journal{}},
		"journal.gap: disk full":      {Event: flow.EventJournalGap, Journal: &flow.Journal{Reason: "disk full"}},
		"config.rejected: no\\nthing": {Event: flow.EventConfigRejected, Config: &flow.Config{Error: "no\nthing"}},
		"pg: session 012345 ended: dial_refused: nothing listens": {Event: flow.EventSessionClose, Service: "pg",
			Session: openRecord(0).Session, Outcome: &flow.Outcome{End: flow.EndDialRefused, Detail: "nothing listens"}},
		"pg: session 012345 asked SELECT in 1.5ms: select a\\nfrom b": operationRecord(flow.Operation{Name: "SELECT", Text: "select a\nfrom b"}),
		"pg: session 012345 failed with SELECT in 1.5ms (42P01)":      operationRecord(flow.Operation{Name: "SELECT", Failed: true, Status: "42P01"}),
		"pg: session 012345 was cut off in login in 1.5ms":            operationRecord(flow.Operation{Kind: "login", Unfinished: true}),
		"pg: session 012345 asked GET in 1.5ms (200): " + strings.Repeat("x", 200) + "...": operationRecord(flow.Operation{
			Name: "GET", Status: "200", Text: strings.Repeat("x", 300),
		}),
	} {
		if got := summary(&r); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	alert := alertRecord()
	got := summary(&alert)
	if strings.ContainsAny(got, "\x1b\n\r\x00\u202e\u2028") || !strings.HasPrefix(got, "pg: alert (critical): ") {
		t.Errorf("got %q", got)
	}
}

func TestJournaldSettings(t *testing.T) {
	if err := (JournaldSettings{Enabled: true}).Validate(); err != nil {
		t.Error(err)
	}
	_, err := NewJournald(JournaldConfig{Settings: JournaldSettings{Socket: "x"}})
	if err == nil || !strings.Contains(err.Error(), `socket: "x"`) {
		t.Error(err)
	}
}
