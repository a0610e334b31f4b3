package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// P8, with clients that exit at once, by FIN and by RST, 32 at a time: a process that is named is the right one. The
// backend learns each client's number from the client itself.
func TestNeverAWrongProcess(t *testing.T) {
	bash := testkit.Program(t, "bash")
	backend, said := confessor(t)
	d := openDoor(t, strconv.Itoa(backend))
	clients := soak(300, 3000)
	next := make(chan int)
	var workers sync.WaitGroup
	for range 32 {
		workers.Go(func() {
			for i := range next {
				last := "" // leaves the answer unread: the kernel resets
				if i%2 == 0 {
					last = "; read -r _ <&3"
				}
				script := fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d; echo $$ >&3%s", d.port, last)
				_ = exec.Command(bash, "-c", script).Run() // a reset may kill it
			}
		})
	}
	for i := range clients {
		next <- i
	}
	close(next)
	workers.Wait()
	closes := d.settle()
	right := 0
	for _, r := range closes {
		pid, known := said.of(r.Outcome.Leg.Port(), r.Session)
		switch {
		case r.Origin.PID == 0 || !known:
		case r.Origin.PID != pid:
			t.Errorf("session %s of process %d was said to be of %d (%v)", r.Session, pid, r.Origin.PID, r.Origin)
		default:
			right++
		}
		if r.Origin.Attribution != flow.AttributionNone && r.Origin.UID != uint32(os.Geteuid()) {
			t.Errorf("session %s was said to be of user %d", r.Session, r.Origin.UID)
		}
	}
	t.Logf("of %d clients that exit at once %d were named, all rightly", clients, right)
}

// confessions are what clients said of themselves, by the port that the backend saw. A port that came twice says nothing.
type confessions struct {
	mu   sync.Mutex
	pids map[uint16][]int
}

func (c *confessions) of(port uint16, _ flow.SessionID) (pid int, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if pids := c.pids[port]; len(pids) == 1 {
		return pids[0], true
	}
	return 0, false
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
