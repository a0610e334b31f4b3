package main

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// configured opens a door from a file that has more to say than the command line can. The file begins with text, in
// which PORT stands for the door's port.
func configured(t *testing.T, text string, args ...string) *testDoor {
	t.Helper()
	home := testkit.NewHome(t)
	d := &testDoor{t: t, port: testkit.FreePort(t), dir: filepath.Join(t.TempDir(), "journal")}
	file := filepath.Join(home.Dir(), "door.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "PORT", d.portText())), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Door = home.Start(append(args, "--config", file, "--journal", d.dir)...)
	return d
}

// P8, with the tools that people use: who connects is told by name and number, also where a rule waited for that and not
// long enough.
func TestOriginOfRealClients(t *testing.T) {
	server := testkit.Redis(t)
	pg := testkit.Postgres(t, testkit.PostgresOptions{})
	d := configured(t, fmt.Sprintf("services:\n- {name: svc, listen: PORT, backend: %d}\n", server.Port))
	hasty := configured(t, fmt.Sprintf(`
process_wait: 1ms
on_unknown: allow
services: [{name: svc, listen: PORT, backend: %d}]
rules: [{name: shop, action: allow, programs: [shop]}]
`, server.Port))
	p := openDoorIn(t, d.Home, strconv.Itoa(pg.Port))
	for _, tc := range []struct {
		door    *testDoor
		command []string
	}{
		{d, []string{"redis-cli", "-p", d.portText(), "SUBSCRIBE", "x"}},
		{hasty, []string{"redis-cli", "-p", hasty.portText(), "SUBSCRIBE", "x"}},
		{p, []string{"psql", "-h", "127.0.0.1", "-p", p.portText(), "-U", "postgres", "-c", "select pg_sleep(600)", "postgres"}},
	} {
		cmd := exec.Command(testkit.Program(t, tc.command[0]), tc.command[1:]...)
		client := testkit.Start(t, cmd)
		named := func() bool {
			for _, r := range append(tc.door.records(flow.EventSessionOrigin), tc.door.records(flow.EventSessionOpen)...) {
				if r.Origin.PID == client.PID() && r.Origin.Attribution == flow.AttributionLiveSocket {
					return r.Origin.Program == tc.command[0] && strings.Contains(r.Origin.Process.CommandLine, tc.command[0]+" ")
				}
			}
			return false
		}
		testkit.Wait(t, "the origin of "+tc.command[0], named, 20*time.Second)
		stdout, stderr, code := tc.door.Run("who")
		if want := fmt.Sprintf("%s (pid %d, ", tc.command[0], client.PID()); code != exitOK || !strings.Contains(stdout, want) {
			t.Errorf("who does not name %s: %s%s", want, stdout, stderr)
		}
		client.Kill()
	}
	d.settle()
	hasty.settle()
	p.settle()
}

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

// P14: passwords on command lines reach neither journal nor console nor webhook, also where the process is what an alert
// is about.
func TestSecretsStayOut(t *testing.T) {
	const secret = "tr0ub4dor-and-3"
	var mu sync.Mutex
	var delivered strings.Builder
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.Copy(&delivered, r.Body)
	}))
	defer hook.Close()
	url := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(url, []byte(hook.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	server := testkit.EchoServer(t)
	d := configured(t, fmt.Sprintf(`
services:
- {name: svc, listen: PORT, backend: %d}
rules:
- {name: no psql, action: deny, enforce: observe, programs: [psql]}
`, server.Port()), "--webhook-file", url)
	for i, command := range [][]string{
		{"psql", "postgresql://u:" + secret + "@127.0.0.1:" + d.portText() + "/db"},
		{"redis-cli", "-p", d.portText(), "-a", secret, "SUBSCRIBE", "x"},
	} {
		client := testkit.Start(t, exec.Command(testkit.Program(t, command[0]), command[1:]...))
		named := func() bool {
			for _, r := range append(d.records(flow.EventSessionOrigin), d.records(flow.EventSessionOpen)...) {
				if r.Origin.Program == command[0] && r.Origin.Process != nil && r.Origin.Process.CommandLine != "" {
					return true
				}
			}
			return client.Exited() && i > 0
		}
		testkit.Wait(t, "the origin of "+command[0], named, 20*time.Second)
		client.Kill()
	}
	d.await(flow.EventAlert, 1)
	testkit.Wait(t, "the alert's delivery", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.Contains(delivered.String(), "no psql")
	}, 20*time.Second)
	who, _, _ := d.Run("who", "--json")
	d.settle()
	logs, _, _ := d.Run("logs", "--dir", d.dir)
	texts := map[string]string{
		"console": d.Stdout() + d.Stderr(), "webhook": delivered.String(), "who": who, "logs": logs, "journal": readAll(t, d.dir),
	}
	if !strings.Contains(texts["journal"], "postgresql://") {
		t.Error("the journal has no command line at all")
	}
	for where, text := range texts {
		if strings.Contains(text, secret) {
			t.Errorf("the secret is in the %s:\n%s", where, text)
		}
	}
}

// readAll is the text of all files in a folder and below.
func readAll(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// A page in a browser cannot speak to a database: not a byte reaches it, and it is alerted. Its own clients are not
// disturbed.
func TestBrowserAtADatabase(t *testing.T) {
	echo := testkit.EchoServer(t)
	text := "services:\n- {name: svc, listen: PORT, backend: %d, protocol: redis}\n"
	d := configured(t, fmt.Sprintf(text, echo.Port()))
	for _, request := range []string{"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "POST /x HTTP/1.1\r\nHost: 0.0.0.0\r\n\r\nFLUSHALL\r\n"} {
		c, err := net.Dial("tcp", d.addr())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(c, request)
		if b, err := io.ReadAll(c); len(b) != 0 || err == nil {
			t.Errorf("%q was answered %q, %v", request, b, err)
		}
		_ = c.Close()
	}
	curl := exec.Command(testkit.Program(t, "curl"), "-sS", "-m", "20", "-d", "SET a 1", "http://"+d.addr()+"/")
	if out, err := curl.CombinedOutput(); err == nil {
		t.Errorf("curl says %s", out)
	}
	for _, r := range d.await(flow.EventSessionClose, 3) {
		if r.Outcome.End != flow.EndDenied || r.Verdict == nil || r.Verdict.Rule != "gate.redis" {
			t.Errorf("%+v %+v", r.Outcome, r.Verdict)
		}
	}
	if alerts := d.await(flow.EventAlert, 1); alerts[0].Alert.Condition != "cross_protocol" || alerts[0].Alert.Severity != flow.SeverityCritical {
		t.Errorf("%+v", alerts[0].Alert)
	}
	d.settle()
	if read, _ := echo.Bytes(); read != 0 {
		t.Errorf("the backend got %d bytes", read)
	}

	server := testkit.Redis(t)
	d = configured(t, fmt.Sprintf(text, server.Port))
	if out := testkit.Run(t, "redis-cli", "-p", d.portText(), "set", "a", "GET / HTTP/1.1"); strings.TrimSpace(out) != "OK" {
		t.Errorf("redis-cli says %q", out)
	}
	d.settle()
}

// Host and Origin of every request of a connection are looked at.
func TestPagesOfOthers(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) }))
	defer web.Close()
	d := configured(t, fmt.Sprintf("services:\n- {name: svc, listen: PORT, backend: %q, protocol: http}\n", web.Listener.Addr()))
	c, err := net.Dial("tcp", d.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	answers := bufio.NewReader(c)
	for range 2 {
		_, _ = fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: localhost:%d\r\nOrigin: http://127.0.0.1:%d\r\n\r\n", d.port, d.port)
		got, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(got.Body)
		_ = got.Body.Close()
		if string(body) != "localhost:"+d.portText() {
			t.Errorf("%q", body)
		}
	}
	_, _ = fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: rebound.example:%d\r\n\r\n", d.port)
	if got, err := http.ReadResponse(answers, nil); err == nil {
		_ = got.Body.Close()
		t.Error("a request for another host was answered")
	}
	closed := d.settle()
	if v := closed[0].Verdict; v == nil || v.Cause != flow.CauseHost || !strings.Contains(v.Reason, "rebound.example") {
		t.Errorf("%+v", v)
	}
}

// A forwarder is told as one, alerted once, and refused where a rule says so.
func TestForwarderAtTheDoor(t *testing.T) {
	backend := testkit.EchoServer(t)
	for _, denied := range []bool{false, true} {
		text := fmt.Sprintf("services:\n- {name: svc, listen: PORT, backend: %d}\n", backend.Port())
		if denied {
			text += "rules:\n- {name: no tunnels, action: deny, forwarder: true}\n"
		}
		d := configured(t, text)
		tunnel := testkit.FreePort(t)
		testkit.Start(t, exec.Command(testkit.Program(t, "socat"),
			fmt.Sprintf("TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr,fork", tunnel), "TCP:"+d.addr()))
		for range 2 {
			c := dialSoon(t, tunnel)
			_, _ = io.WriteString(c, "x")
			_, err := io.ReadFull(c, make([]byte, 1))
			if (err == nil) == denied {
				t.Errorf("denied: %v, and the answer was: %v", denied, err)
			}
			if !denied {
				testkit.Wait(t, "the forwarder", func() bool { return d.forwarders("socat") }, 20*time.Second)
			}
			_ = c.Close()
		}
		if denied {
			if v := d.await(flow.EventSessionRefused, 2)[0]; v.Verdict.Rule != "no tunnels" || v.Origin.Forwarder == nil {
				t.Errorf("%+v %+v", v.Verdict, v.Origin)
			}
		}
		d.settle()
	}
}

// forwarders says whether every session that was told of so far is of one forwarder.
func (d *testDoor) forwarders(name string) bool {
	all := d.records(flow.EventSessionOrigin)
	for _, r := range all {
		if r.Origin.Forwarder == nil || r.Origin.Forwarder.Name != name {
			return false
		}
	}
	return len(all) == len(d.records(flow.EventSessionOpen))
}

// dialSoon connects to what is still starting.
func dialSoon(t *testing.T, port int) (c net.Conn) {
	t.Helper()
	testkit.Wait(t, "somebody to listen", func() bool {
		var err error
		c, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		return err == nil
	}, 20*time.Second)
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// A trusted proxy's header says who the client is; who is elsewhere needs a rule of its own.
func TestProxyHeaderAtTheDoor(t *testing.T) {
	backend := testkit.EchoServer(t)
	d := configured(t, fmt.Sprintf(`
services:
- name: svc
  listen: PORT
  backend: %d
  proxy_protocol: {from: {users: ["%d"]}}
rules:
- {name: any peer here, action: allow, zones: [loopback], client_zones: [loopback]}
- {name: office, action: allow, client_cidrs: [203.0.113.0/24]}
`, backend.Port(), os.Geteuid()))
	for header, want := range map[string]string{
		"PROXY TCP4 203.0.113.9 192.0.2.1 4000 443\r\n":  "office",
		"PROXY TCP4 198.51.100.1 192.0.2.1 4000 443\r\n": "builtin.default",
		"PROXY UNKNOWN\r\n":                              "any peer here",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n":              "builtin.proxy_header",
	} {
		c := dialSoon(t, d.port)
		_, _ = io.WriteString(c, header+"hello")
		got := make([]byte, 5)
		_, err := io.ReadFull(c, got)
		if let := err == nil; let != !strings.HasPrefix(want, "builtin.") || let && string(got) != "hello" {
			t.Errorf("%q: %q, %v", header, got, err)
		}
		_ = c.Close()
		testkit.Wait(t, want, func() bool {
			for _, r := range append(d.records(flow.EventSessionOpen), d.records(flow.EventSessionRefused)...) {
				if r.Verdict.Rule == want {
					return true
				}
			}
			return false
		}, 20*time.Second)
	}
	for _, r := range d.records(flow.EventSessionOpen) {
		if r.Verdict.Rule == "office" && (r.Peer.Conveyed == nil || r.Peer.Conveyed.Client.String() != "203.0.113.9:4000" ||
			r.Peer.Addr.Addr().String() != "127.0.0.1") {
			t.Errorf("%+v", r.Peer)
		}
	}
	d.settle()
}
