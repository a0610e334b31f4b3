package main

import (
	"encoding/hex"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// Recordings are started and stopped at a running door, for the sessions of one program.
func TestRecordStartedAndStopped(t *testing.T) {
	redis := testkit.Redis(t)
	d := openRecordingDoor(t, redis.Port, "resp", "when: 'false'")
	d.set("before")
	said := d.lodoor("record", "start", "svc", "--for", "1h", "--when", `process.program == "redis-cli"`)
	if !strings.Contains(said, d.dir) {
		t.Errorf("start said %q", said)
	}
	d.set("meanwhile")
	testkit.Run(t, "redis-benchmark", "-p", d.portText(), "-t", "set", "-c", "2", "-n", "10", "-q")
	said = d.lodoor("record", "stop", "svc")
	files := d.files()
	if len(files) != 1 || !strings.Contains(said, "1 session of svc recorded") || !strings.Contains(said, files[0]) {
		t.Fatalf("files %v, stop said %q", files, said)
	}
	d.set("after")
	var recorded []flow.Record
	for _, r := range d.settle() {
		if r.Outcome.Recorded {
			recorded = append(recorded, r)
		}
	}
	if len(d.files()) != 1 {
		t.Errorf("recordings %v", d.files())
	}
	d.compare(recorded, d.sum(files[0]))
	for key, want := range map[string]int{"before": 0, "meanwhile": 1, "after": 0} {
		if n := d.asks(files[0], key); n != want {
			t.Errorf("%d requests set %q, want %d", n, key, want)
		}
	}
	d.found(files[0], `frame.comment contains "program=\"redis-cli\""`)
}

// A reload switches recording on and off; a session that is open then is recorded as it was when it began.
func TestRecordReloaded(t *testing.T) {
	redis := testkit.Redis(t)
	d := openRecordingDoor(t, redis.Port, "resp", "when: 'false'")
	d.set("off")
	d.configure(t, "dir: "+d.dir)
	d.lodoor("reload")
	d.set("on")
	d.configure(t, `dir: ""`)
	d.lodoor("reload")
	d.set("off_again")
	var recorded []flow.Record
	for _, r := range d.settle() {
		if r.Outcome.Recorded {
			recorded = append(recorded, r)
		}
	}
	files := d.files()
	if len(files) != 1 || len(recorded) != 1 {
		t.Fatalf("recordings %v of %d sessions", files, len(recorded))
	}
	d.compare(recorded, d.sum(files[0]))
	for key, want := range map[string]int{"off": 0, "on": 1, "off_again": 0} {
		if n := d.asks(files[0], key); n != want {
			t.Errorf("%d requests set %q, want %d", n, key, want)
		}
	}
}

// Packets are followed into tshark while they happen.
func TestRecordFollowed(t *testing.T) {
	redis := testkit.Redis(t)
	d := openRecordingDoor(t, redis.Port, "resp", `dir: ""`)
	follow := d.Command("record", "follow", "svc", "-w", "-", "--dir", d.testDoor.dir)
	packets, err := follow.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	show := exec.Command(testkit.Program(t, "tshark"), "-l", "-r", "-", "-d", "tcp.port=="+d.portText()+",resp", "-T", "fields", "-e",
		"frame.interface_id", "-e", "resp.bulk_string.value", "-e", "tcp.analysis.flags", "-e", "_ws.malformed", "-E", "separator=|")
	show.Stdin = packets
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	shown := testkit.Start(t, show)
	t.Cleanup(func() { _ = follow.Process.Kill() })
	testkit.Wait(t, "a command to be shown", func() bool {
		d.set("followed") // until the follower is there
		return strings.Contains(shown.Stdout(), hex.EncodeToString([]byte("followed"))) || shown.Exited()
	}, 60*time.Second)
	if shown.Exited() {
		t.Fatalf("tshark ended with %d: %s", shown.Wait(0), shown.Stderr())
	}
	if err := follow.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := shown.Wait(30 * time.Second); code != 0 {
		t.Errorf("tshark ended with %d: %s", code, shown.Stderr())
	}
	if err := follow.Wait(); err != nil {
		t.Errorf("follow: %v", err)
	}
	for line := range strings.Lines(shown.Stdout()) {
		if !strings.HasSuffix(line, "||\n") {
			t.Errorf("tshark finds fault: %s", line)
		}
	}
	d.settle()
	if files, err := filepath.Glob(filepath.Join(d.dir, "*")); err != nil || len(files) != 0 {
		t.Errorf("%v are on the disk, %v", files, err)
	}
}
