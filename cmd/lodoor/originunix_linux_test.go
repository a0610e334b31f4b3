package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// sharer is a process that connects to a Unix socket, and a child of it that has its end, too.
func sharer(t *testing.T, front string, shares bool) (client *testkit.Child, heir int) {
	t.Helper()
	script := `
import socket, subprocess, sys
s, heir = socket.socket(socket.AF_UNIX), 0
if sys.argv[2] == "true":
    heir = subprocess.Popen(["cat"], stdin=sys.stdin, pass_fds=[s.fileno()]).pid
s.connect(sys.argv[1])
print(heir, flush=True)
s.recv(1)
`
	cmd := exec.Command(testkit.Program(t, "python3"), "-c", script, front, strconv.FormatBool(shares))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close() })
	client = testkit.Start(t, cmd)
	testkit.Wait(t, "the connection", func() bool { return strings.HasSuffix(client.Stdout(), "\n") }, 20*time.Second)
	if heir, err = strconv.Atoi(strings.TrimSpace(client.Stdout())); err != nil {
		t.Fatal(err)
	}
	return client, heir
}

// The record of a Unix socket that several processes have says who connected and, apart from that, who holds it.
func TestUnixSocketThatIsShared(t *testing.T) {
	front := filepath.Join(shortDir(t), "door")
	d := configured(t, fmt.Sprintf("services:\n- {name: svc, listen: %q, backend: %d}\n", "unix:"+front, testkit.EchoServer(t).Port()))
	client, heir := sharer(t, front, true)
	r := d.await(flow.EventSessionOrigin, 1)[0]
	held := make(map[int]string)
	for _, p := range r.Origin.Holders {
		held[p.PID] = p.Program
	}
	if len(held) != 2 || held[heir] != "cat" || held[client.PID()] != "python -c" {
		t.Errorf("held by %v; %d has connected, and %d is its child", held, client.PID(), heir)
	}
	if r.Origin.Attribution != flow.AttributionExactConnect {
		testkit.Missing(t, "this kernel does not say who connected: %v", r.Origin.Attribution)
	}
	if r.Origin.PID != client.PID() || r.Origin.Program != "python -c" {
		t.Errorf("%+v; %d has connected", r.Origin, client.PID())
	}
	client.Kill()
	d.settle()
}

// A rule that lets one program in does not let in another one that has its socket.
func TestRuleOnAUnixSocketThatIsShared(t *testing.T) {
	front := filepath.Join(shortDir(t), "door")
	d := configured(t, fmt.Sprintf(`
process_wait: 10s
services:
- {name: svc, listen: %q, backend: %d}
rules:
- {name: python alone, action: allow, programs: ["python *"]}
- {name: nobody else, action: deny}
`, "unix:"+front, testkit.EchoServer(t).Port()))
	alone, _ := sharer(t, front, false)
	if r := d.await(flow.EventSessionOpen, 1)[0]; r.Origin.PID != alone.PID() || r.Verdict.Rule != "python alone" {
		t.Errorf("%+v %+v", r.Verdict, r.Origin)
	}
	sharer(t, front, true)
	if r := d.await(flow.EventSessionRefused, 1)[0]; r.Verdict.Rule != "nobody else" || len(r.Origin.Holders) != 2 {
		t.Errorf("%+v %+v", r.Verdict, r.Origin)
	}
	alone.Kill()
	d.settle()
}
