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

// P8, with the tools that people use: who connects is told by name and number, also where a rule waited for that and
// not long enough.
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

// P8, with a client whose socket is IPv6 though it connects to 127.0.0.1, as each of Java's is: such a one is not among the
// IPv4 sockets that the kernel lists. The class comes with every Java, and waits for a certificate that never comes.
func TestOriginOfAMappedClient(t *testing.T) {
	d := configured(t, fmt.Sprintf("services: [{name: svc, listen: PORT, backend: %d}]\n", silence(t)))
	class := "java.base/sun.security.tools.keytool.Main"
	client := testkit.Start(t, exec.Command(testkit.Program(t, "java"), "-m", class, "-printcert", "-sslserver", d.addr()))
	r := d.await(flow.EventSessionOrigin, 1)[0]
	if r.Origin.Attribution != flow.AttributionLiveSocket || r.Origin.PID != client.PID() ||
		r.Origin.Program != "java -m "+class {
		t.Errorf("%+v is not java, process %d", r.Origin, client.PID())
	}
	sockets, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp6", client.PID()))
	if err != nil {
		t.Fatal(err)
	}
	open := d.records(flow.EventSessionOpen)[0]
	mapped := fmt.Sprintf("0000000000000000FFFF00000100007F:%04X ", open.Peer.Addr.Port())
	if !strings.Contains(string(sockets), mapped) {
		t.Errorf("the test is about a mapped address, and java's socket has none:\n%s", sockets)
	}
	if open.Peer.Addr.Addr().String() != "127.0.0.1" || open.Peer.Zone != flow.ZoneLoopback {
		t.Errorf("%+v", open.Peer)
	}
	client.Kill()
	d.settle()
}

// silence is the port of a backend that says nothing, so that its clients wait.
func silence(t *testing.T) int {
	t.Helper()
	return testkit.Backend(t, testkit.BackendOptions{
		Network: "tcp", Address: "127.0.0.1:0",
		Serve: func(c net.Conn) error { _, err := io.Copy(io.Discard, c); return err },
	}).Port()
}

// P14: passwords on command lines reach neither journal nor console nor webhook, also where the process is what an
// alert is about. Each of the three has told of each client when that is looked at.
func TestSecretsStayOut(t *testing.T) {
	const secret = "tr0ub4dor-and-3"
	h := newTextHook(t)
	url := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(url, []byte(h.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	cache := strconv.Itoa(testkit.FreePort(t))
	d := configured(t, fmt.Sprintf(`
process_wait: 10s
services:
- {name: db, listen: PORT, backend: %[1]d}
- {name: cache, listen: %[2]s, backend: %[1]d}
rules:
- {name: no psql, action: deny, enforce: observe, programs: [psql]}
- {name: no redis-cli, action: deny, enforce: observe, programs: [redis-cli]}
`, silence(t), cache), "--webhook-file", url)
	commands := [][]string{
		{"psql", "postgresql://u:" + secret + "@127.0.0.1:" + d.portText() + "/db"},
		{"redis-cli", "-p", cache, "-a", secret, "SUBSCRIBE", "x"},
	}
	var clients []*testkit.Child
	for _, command := range commands {
		clients = append(clients, testkit.Start(t, exec.Command(testkit.Program(t, command[0]), command[1:]...)))
		testkit.Wait(t, "the alert of "+command[0]+" at the webhook", func() bool {
			return strings.Contains(h.text(), "no "+command[0])
		}, 30*time.Second)
	}
	d.await(flow.EventSessionOpen, len(commands))
	who, _, _ := d.Run("who", "--json")
	for _, client := range clients {
		client.Kill()
	}
	d.settle()
	logs, _, _ := d.Run("logs", "--dir", d.dir)
	texts := map[string]string{
		"console": d.Stdout() + d.Stderr(), "webhook": h.text(), "who": who, "logs": logs, "journal": readAll(t, d.dir),
	}
	for where, text := range texts {
		if strings.Contains(text, secret) {
			t.Errorf("the secret is in the %s:\n%s", where, text)
		}
		for _, command := range commands {
			if !strings.Contains(text, command[0]) {
				t.Errorf("the %s tells nothing of %s:\n%s", where, command[0], text)
			}
		}
	}
	for _, redacted := range []string{
		"psql postgresql://u:***@127.0.0.1:" + d.portText() + "/db",
		"redis-cli -p " + cache + " -a *** SUBSCRIBE x",
	} {
		if !strings.Contains(texts["journal"], redacted) || !strings.Contains(who, redacted) {
			t.Errorf("journal and who do not tell of %q:\n%s%s", redacted, texts["journal"], who)
		}
	}
}

// textHook is a webhook's receiver that keeps what it gets as it comes.
type textHook struct {
	*httptest.Server
	mu  sync.Mutex
	got strings.Builder
}

func newTextHook(t *testing.T) *textHook {
	t.Helper()
	h := &textHook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		_, _ = io.Copy(&h.got, r.Body)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *textHook) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.got.String()
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
