package main

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// caller is a process that connects whenever it is told to.
type caller struct {
	*testkit.Child
	t     *testing.T
	stdin io.Writer
	said  int // lines
}

func newCaller(t *testing.T, port int) *caller {
	t.Helper()
	cmd := exec.Command(testkit.Program(t, "python3"), "-c", fmt.Sprintf(`
import socket, sys
for line in sys.stdin:
    try:
        c = socket.create_connection(("127.0.0.1", %d))
        c.sendall(b"x")
        answered = c.recv(1) == b"x"
    except OSError:
        answered = False
    print("answered" if answered else "refused", flush=True)
`, port))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	return &caller{Child: testkit.Start(t, cmd), t: t, stdin: stdin}
}

// call connects, and says whether that was answered.
func (c *caller) call() bool {
	c.t.Helper()
	if _, err := io.WriteString(c.stdin, "\n"); err != nil {
		c.t.Fatal(err)
	}
	c.said++
	testkit.Wait(c.t, "an answer, or none", func() bool { return strings.Count(c.Stdout(), "\n") == c.said }, 30*time.Second)
	return strings.HasSuffix(c.Stdout(), "answered\n")
}

// One process that is moved from control group to control group: the journal has the container and the unit that it is in
// at each connection, and rules go by those.
func TestContainersAndUnitsAtTheDoor(t *testing.T) {
	docker, podman := testkit.ContainerID(), testkit.ContainerID()
	unit := "lodoor-test-" + docker[:12] + ".service"
	server := testkit.EchoServer(t)
	d := configured(t, fmt.Sprintf(`
process_wait: 10s
services:
- {name: svc, listen: PORT, backend: %d}
rules:
- {name: not that one, action: deny, containers: [%s]}
- {name: containers, action: allow, containers: [docker]}
- {name: the unit, action: allow, units: [%s]}
- {name: nobody else, action: deny}
`, server.Port(), podman[:12], unit))
	client := newCaller(t, d.port)
	for i, tc := range []struct {
		group, rule string
		container   flow.Container
		unit        string
		refused     int // so far
	}{
		{rule: "nobody else", refused: 1},
		{"docker-" + docker + ".scope", "containers", flow.Container{ID: docker, Runtime: "docker"}, "docker-" + docker + ".scope", 1},
		{"system.slice/" + unit, "the unit", flow.Container{}, unit, 1},
		{
			"machine.slice/libpod-" + podman + ".scope", "not that one",
			flow.Container{ID: podman, Runtime: "podman"}, "libpod-" + podman + ".scope", 2,
		},
		{"docker/" + docker, "containers", flow.Container{ID: docker, Runtime: "docker"}, "", 2},
	} {
		if tc.group != "" {
			testkit.NewCgroup(t, tc.group).Add(client.PID())
		}
		let := client.call()
		opens, refusals := d.await(flow.EventSessionOpen, i+1-tc.refused), d.await(flow.EventSessionRefused, tc.refused)
		r := refusals[len(refusals)-1]
		if let {
			r = opens[len(opens)-1]
		}
		if r.Verdict.Rule != tc.rule || let != (r.Event == flow.EventSessionOpen) || r.Origin.PID != client.PID() {
			t.Errorf("in %q: let in: %t, %+v %+v", tc.group, let, r.Verdict, r.Origin)
		}
		if p := r.Origin.Process; p == nil || p.Container != tc.container || tc.group != "" && p.Cgroup != "/"+tc.group ||
			tc.unit != "" && p.Unit != tc.unit {
			t.Errorf("in %q: %+v", tc.group, r.Origin.Process)
		}
	}
	d.settle()
	if want := `"container":{"id":"` + docker + `","runtime":{"name":"docker"}}`; !strings.Contains(readAll(t, d.dir), want) {
		t.Errorf("the journal does not say %s", want)
	}
}
