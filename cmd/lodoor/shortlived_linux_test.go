package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// visit is what a client does: it connects to a port, says which process it is, and leaves in one of the ways. One that
// stays does so until its standard input ends. Perl starts quickly without the module that has names for the numbers:
// AF_INET, SOCK_STREAM, SOL_SOCKET, SO_LINGER (socket(2), socket(7)).
const visit = `
my ($port, $way, $s) = @ARGV;
socket($s, 2, 1, 0) && connect($s, pack("SnNx8", 2, $port, 0x7f000001)) or die "connect: $!";
syswrite $s, "$$\n";
$way =~ /leave/ or sysread($s, my $answer, 16) or die "no answer: $!";
$way =~ /stay/ and sysread STDIN, my $end, 1;
$way =~ /reset/ and (setsockopt($s, 1, 13, pack("ii", 1, 0)) or die "setsockopt: $!");
close $s;
`

// visitor is a client of a door's port.
func visitor(t *testing.T, port int, way string) *exec.Cmd {
	t.Helper()
	return exec.Command(testkit.Program(t, "perl"), "-e", visit, strconv.Itoa(port), way)
}

// P8, with clients that exit at once, by FIN and by RST, 32 at a time: a process that is named is the right one. Some
// stay, or come where a rule waits for their process, and all of these are named. The backend learns each client's
// number from the client itself.
func TestNeverAWrongProcess(t *testing.T) {
	backend, said := confessor(t)
	waits := testkit.FreePort(t)
	d := configured(t, fmt.Sprintf(`
process_wait: 10s
services: [{name: svc, listen: PORT, backend: %d}, {name: waits, listen: %d, backend: %d}]
rules:
- {name: known, action: allow, services: [waits], executables: [%s]}
- {name: unknown, action: deny, services: [waits]}
`, backend, waits, backend, testkit.Program(t, "perl")))
	leave := stayers(t, d, 8)
	clients, workers := soak(300, 3000), 32
	ways := []string{"end", "reset", "leave and reset"}
	var running sync.WaitGroup
	for w := range workers {
		running.Go(func() {
			for i := w; i < clients; i += workers {
				port, way := d.port, ways[i%len(ways)]
				if i%10 == 0 {
					port, way = waits, ways[i/10%2]
				}
				if out, err := visitor(t, port, way).CombinedOutput(); err != nil {
					t.Errorf("client %d, %s: %v, %s", i, way, err, out)
				}
			}
		})
	}
	running.Wait()
	leave()
	closes := d.settle()
	said.compare(t, closes)
	named, waited, reset := 0, 0, 0
	for _, r := range closes {
		if r.Origin.PID != 0 {
			named++
		}
		if r.Service == "waits" {
			waited++
		}
		if r.Outcome.End == flow.EndReset && r.Outcome.EndedBy == flow.SideClient {
			reset++
		}
	}
	if waited != clients/10 || named < waited || reset < clients/3 {
		t.Errorf("%d were waited for, %d named, %d reset", waited, named, reset)
	}
	t.Logf("of %d clients %d were named, %d of them while somebody waited; %d reset", len(closes), named, waited, reset)
}

// stayers are clients that came, were named, and stay until they are told to leave.
func stayers(t *testing.T, d *testDoor, n int) (leave func()) {
	t.Helper()
	var wait, ends []func()
	for range n {
		cmd := visitor(t, d.port, "stay")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		client := testkit.Start(t, cmd)
		ends = append(ends, func() { _ = stdin.Close() })
		wait = append(wait, func() {
			testkit.Wait(t, fmt.Sprintf("the name of process %d", client.PID()), func() bool {
				return slices.ContainsFunc(d.records(flow.EventSessionOrigin), func(r flow.Record) bool {
					return r.Origin.PID == client.PID()
				})
			}, 20*time.Second)
		})
	}
	for _, f := range wait {
		f()
	}
	return func() {
		for _, f := range ends {
			f()
		}
	}
}

// confessions are what clients said of themselves, by the port that the backend saw. A port that came twice says nothing.
type confessions struct {
	mu   sync.Mutex
	pids map[uint16][]int
}

func (c *confessions) of(port uint16) (pid int, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if pids := c.pids[port]; len(pids) == 1 {
		return pids[0], true
	}
	return 0, false
}

// compare looks for sessions that were said to be of somebody else.
func (c *confessions) compare(t *testing.T, closes []flow.Record) {
	t.Helper()
	compared := 0
	for _, r := range closes {
		pid, known := c.of(r.Outcome.Leg.Port())
		if r.Origin.PID != 0 && known {
			compared++
			if r.Origin.PID != pid {
				t.Errorf("session %s of process %d was said to be of %d (%v)", r.Session, pid, r.Origin.PID, r.Origin)
			}
		}
		if r.Origin.Attribution != flow.AttributionNone && r.Origin.UID != uint32(os.Geteuid()) {
			t.Errorf("session %s was said to be of user %d", r.Session, r.Origin.UID)
		}
	}
	if compared < len(closes)/20 {
		t.Errorf("of %d sessions only %d could be compared", len(closes), compared)
	}
}

// confessor is a backend to which clients send their process number.
func confessor(t *testing.T) (port int, said *confessions) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	said = &confessions{pids: make(map[uint16][]int)}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				line, _ := bufio.NewReader(c).ReadString('\n')
				if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
					said.mu.Lock()
					from := c.RemoteAddr().(*net.TCPAddr).AddrPort().Port()
					said.pids[from] = append(said.pids[from], pid)
					said.mu.Unlock()
				}
				_, _ = io.WriteString(c, "thanks\n")
				_, _ = io.Copy(io.Discard, c)
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); serving.Wait() })
	return ln.Addr().(*net.TCPAddr).Port, said
}
