package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// vitals are what a process uses.
type vitals struct{ descriptors, kilobytes int }

func vitalsOf(t *testing.T, pid int) vitals {
	t.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	rss := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if rss == nil {
		t.Fatal("no VmRSS")
	}
	kb, err := strconv.Atoi(string(rss[1]))
	if err != nil {
		t.Fatal(err)
	}
	return vitals{len(fds), kb}
}

// 3,000 idle sessions come and go, three times: descriptors return to where they were, and memory to where it was after
// the first time, which also brought what is made once. What a session holds, half a kilobyte, would be seen if it
// stayed.
func TestIdleSessionsGoBack(t *testing.T) {
	const sessions, once, noise = 3000, 14 << 10, 1 << 10 // and kilobytes
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Max < 3*sessions {
		testkit.Missing(t, "the limit of descriptors is %d (%v)", limit.Max, err)
	}
	backend := testkit.EchoServer(t)
	home := testkit.NewPlainHome(t)
	home.Env = []string{"LODOOR_HISTORY_STORE=off"} // it is fed later than the sessions end, and has memory and files of its own
	d := openDoorIn(t, home, strconv.Itoa(backend.Port()))
	start := vitalsOf(t, d.PID())
	var peaks, rests []vitals
	for round := 1; round <= soak(2, 3); round++ {
		var clients []net.Conn
		for range sessions {
			c, err := net.Dial("tcp", d.addr())
			if err != nil {
				t.Fatal(err)
			}
			clients = append(clients, c)
		}
		d.await(flow.EventSessionOpen, round*sessions)
		testkit.Wait(t, "the backend to see all", func() bool { return backend.Open() == sessions }, 30*time.Second)
		peaks = append(peaks, vitalsOf(t, d.PID()))
		for _, c := range clients {
			_ = c.Close()
		}
		d.await(flow.EventSessionClose, round*sessions)
		testkit.Wait(t, "descriptors to return", func() bool { return vitalsOf(t, d.PID()).descriptors <= start.descriptors+2 }, 30*time.Second)
		back := start.kilobytes + once
		if round > 1 {
			back = rests[0].kilobytes + noise
		}
		testkit.Wait(t, "memory to return", func() bool { return vitalsOf(t, d.PID()).kilobytes < back }, 30*time.Second)
		rests = append(rests, vitalsOf(t, d.PID()))
	}
	t.Logf("start %+v, peaks %+v, rests %+v", start, peaks, rests)
	d.settle()
}

// When descriptors run out, clients wait and are served as sessions end: nobody is refused, nothing spins.
func TestDescriptorsRunOut(t *testing.T) {
	testkit.Need(t, "prlimit")
	backend := testkit.EchoServer(t)
	home := testkit.NewHome(t)
	dir, ports := filepath.Join(t.TempDir(), "journal"), filepath.Join(t.TempDir(), "ports")
	d := &testDoor{t: t, port: testkit.FreePort(t), dir: dir}
	plain := home.Command("run", "--journal", dir, "--port-file", ports, fmt.Sprintf("svc=%d:%d", d.port, backend.Port()))
	limited := exec.Command(testkit.Program(t, "prlimit"), append([]string{"--nofile=128:128", "--"}, plain.Args...)...)
	limited.Env, limited.Dir = plain.Env, plain.Dir
	child := testkit.Start(t, limited)
	testkit.Wait(t, "the door to open", func() bool { _, err := os.Stat(ports); return err == nil || child.Exited() }, 20*time.Second)
	const clients = 100 // three times as many as there is room for
	var waiting []net.Conn
	for range clients {
		c, err := introduce(d.addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		waiting = append(waiting, c)
	}
	testkit.Wait(t, "lodoor to say so", func() bool { return strings.Contains(child.Stderr(), "all that the limit of descriptors allows") }, 20*time.Second)
	for i, c := range waiting {
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.ReadFull(c, make([]byte, 32)); err != nil {
			t.Fatalf("client %d of %d: %v", i, clients, err)
		}
		_ = c.Close()
	}
	if code := child.Stop(); code != exitOK {
		t.Errorf("ended with %d: %s", code, child.Stderr())
	}
	if opens, closes := len(d.records(flow.EventSessionOpen)), len(d.records(flow.EventSessionClose)); opens != clients || closes != clients {
		t.Errorf("%d clients, %d opens, %d closes", clients, opens, closes)
	}
	verified(t, dir)
}

// A standard output that nobody reads stalls no session.
func TestFullPipeStallsNobody(t *testing.T) {
	backend := testkit.EchoServer(t)
	home := testkit.NewHome(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	dir, ports := filepath.Join(t.TempDir(), "journal"), filepath.Join(t.TempDir(), "ports")
	port := testkit.FreePort(t)
	cmd := home.Command("run", "--journal", dir, "--port-file", ports, fmt.Sprintf("svc=%d:%d", port, backend.Port()))
	cmd.Stdout = w
	child := testkit.Start(t, cmd)
	_ = w.Close()
	testkit.Wait(t, "the door to open", func() bool { _, err := os.Stat(ports); return err == nil || child.Exited() }, 20*time.Second)
	const sessions = 2000 // some 800 bytes of lines each; a pipe holds 64 KiB
	for i := range sessions {
		echoClient(t, "127.0.0.1:"+strconv.Itoa(port), i)
	}
	if code := child.Stop(); code != exitOK && code != exitFailure {
		t.Errorf("ended with %d: %s", code, child.Stderr())
	}
	if n := len(readRecords(t, dir, flow.EventSessionClose)); n != sessions {
		t.Errorf("%d closes for %d sessions", n, sessions)
	}
	verified(t, dir)
}

// The first SIGTERM waits for sessions, the second ends them at once.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	backend := testkit.EchoServer(t)
	d := openDoor(t, strconv.Itoa(backend.Port()), "--drain", "10m")
	c, err := introduce(d.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	d.Signal(unix.SIGTERM)
	testkit.Wait(t, "the drain", func() bool { return strings.Contains(d.Stderr(), "waiting up to 10m for 1 session") }, 20*time.Second)
	if d.Exited() {
		t.Fatal("the first signal did not wait")
	}
	d.Signal(unix.SIGTERM)
	if code := d.Wait(20 * time.Second); code != exitOK {
		t.Errorf("ended with %d: %s", code, d.Stderr())
	}
	if o := d.records(flow.EventSessionClose)[0].Outcome; o.End != flow.EndDrain || o.EndedBy != flow.SideLodoor {
		t.Errorf("session ended by %v, %v", o.End, o.EndedBy)
	}
	verified(t, d.dir)
}

// P13: over all commands, lodoor connects to nobody but the backend, the webhook, and a door of this user.
func TestConnectsToNobodyElse(t *testing.T) {
	testkit.NeedRoot(t)
	testkit.Need(t, "strace", "ip")
	testkit.Binary(t)
	ns := testkit.NewNetns(t)
	ns.Do(func() {
		backend, h := testkit.EchoServer(t), newHook(t)
		home := testkit.NewHome(t)
		trace := filepath.Join(t.TempDir(), "trace")
		secret := filepath.Join(t.TempDir(), "webhook")
		if err := os.WriteFile(secret, []byte(h.url+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		ports := filepath.Join(t.TempDir(), "ports")
		port := testkit.FreePort(t)
		service := fmt.Sprintf("svc=%d:%d", port, backend.Port())
		door := testkit.Start(t, traced(t, home.Command("run", "--tripwire", "--webhook-file", secret, "--port-file", ports,
			"--deny", "127.0.0.9", service), trace))
		testkit.Wait(t, "the door to open", func() bool { _, err := os.Stat(ports); return err == nil || door.Exited() }, 30*time.Second)
		echoClient(t, "127.0.0.1:"+strconv.Itoa(port), 100)
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
		if c, err := dialer.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			_, _ = io.ReadAll(c)
			_ = c.Close()
		}
		testkit.Wait(t, "the webhook's message", func() bool { return len(h.messages()) == 1 }, 30*time.Second)
		for _, args := range [][]string{
			{"logs"}, {"verify"}, {"version"}, {"config", "validate"}, {"config", "show"}, {"config", "schema"},
			{"rules", "explain", "--peer", "192.0.2.7", service}, {"reload"}, {"who"}, {"who", strconv.Itoa(port)},
			{"--help"},
		} {
			_ = traced(t, home.Command(args...), trace).Run()
		}
		pid, ok, err := journal.Writer(filepath.Join(home.State(), "journal", strconv.Itoa(port)))
		if err != nil || !ok {
			t.Fatalf("find lodoor below strace: %v", err)
		}
		_ = unix.Kill(pid, unix.SIGINT)
		door.Wait(30 * time.Second)
		allowed := map[string]bool{"127.0.0.1:" + strconv.Itoa(backend.Port()): true, h.url[len("http://"):strings.LastIndex(h.url, "/")]: true}
		checkConnects(t, trace, allowed, `sun_path="`+home.Runtime()+"/")
	})
}

// traced runs a command under strace, which appends every connect(2) to trace.
func traced(t *testing.T, cmd *exec.Cmd, trace string) *exec.Cmd {
	t.Helper()
	under := exec.Command(testkit.Program(t, "strace"), append([]string{"-f", "-qq", "-A", "-o", trace, "-e", "trace=connect", "--"}, cmd.Args...)...)
	under.Env, under.Dir = cmd.Env, cmd.Dir
	return under
}

func checkConnects(t *testing.T, trace string, allowed map[string]bool, doors string) {
	t.Helper()
	f, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	inet := regexp.MustCompile(`sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)`)
	seen := make(map[string]int)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		// Netlink leads to the kernel. A build with cgo, as the race detector needs, asks the name service's cache.
		if !strings.Contains(line, "connect(") || strings.Contains(line, "AF_NETLINK") || strings.Contains(line, "/nscd/") ||
			strings.Contains(line, doors) {
			continue
		}
		m := inet.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("unexpected: %s", line)
			continue
		}
		to := net.JoinHostPort(m[2], m[1])
		seen[to]++
		if !allowed[to] {
			t.Errorf("a connection to %s: %s", to, line)
		}
	}
	for to := range allowed {
		if seen[to] == 0 {
			t.Errorf("no connection to %s was traced", to)
		}
	}
}
