package gate

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// TestRealClients lets curl and Go's client speak to Go's server through gates.
func TestRealClients(t *testing.T) {
	curl := testkit.Program(t, "curl")
	server, refusals := gated(t)
	url := server.URL + "/"
	big := strings.Repeat("0123456789", 200_000)
	for _, tc := range []struct {
		name  string
		args  []string
		stdin string
		want  string // what the server says of each request
		cause flow.Cause
	}{
		{"GET", []string{url}, "", "GET 0\n", 0},
		{"kept alive", []string{url, url, url}, "", "GET 0\nGET 0\nGET 0\n", 0},
		{"HTTP/1.0", []string{"--http1.0", url}, "", "GET 0\n", 0},
		{"POST", []string{"-d", "hello", url}, "", "POST 5\n", 0},
		{"Expect", []string{"-H", "Expect: 100-continue", "--expect100-timeout", "60", "--data-binary", "@-", url}, big, "POST 2000000\n", 0},
		{"chunked", []string{"-H", "Transfer-Encoding: chunked", "-T", "-", url}, big, "PUT 2000000\n", 0},
		{"chunked, then another", []string{"-H", "Transfer-Encoding: chunked", "--data-binary", "@-", url, url}, "abc", "POST 3\nPOST 3\n", 0},
		{"its own page", []string{"-H", "Origin: " + server.URL, "-X", "DELETE", url}, "", "DELETE 0\n", 0},
		{"another page", []string{"-H", "Origin: http://evil.example", url}, "", "", flow.CauseHost},
		{"another host", []string{"-H", "Host: evil.example", url}, "", "", flow.CauseHost},
		{"HTTP/2", []string{"--http2-prior-knowledge", url}, "", "", flow.CauseProtocol},
		{"h2c", []string{"--http2", url}, "", "", flow.CauseProtocol},
		{"TLS", []string{"-k", strings.Replace(url, "http:", "https:", 1)}, "", "", flow.CauseProtocol},
	} {
		cmd := exec.CommandContext(t.Context(), curl, append([]string{"-sS", "--noproxy", "*", "--max-time", "60"}, tc.args...)...)
		cmd.Stdin = strings.NewReader(tc.stdin)
		out, err := cmd.Output()
		v := refusals.take()
		if (err == nil) != (tc.cause == 0) || string(out) != tc.want || v.Cause != tc.cause {
			t.Errorf("%s: %v, %q, %+v; want %q, cause %q", tc.name, err, out, v, tc.want, tc.cause)
		}
	}
	for range 3 {
		r, err := server.Client().Post(url, "text/plain", io.MultiReader(strings.NewReader("in chunks")))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || string(b) != "POST 9\n" {
			t.Errorf("%q, %v", b, err)
		}
	}
}

// gated starts a server whose connections are read through a gate each.
func gated(t *testing.T) (*httptest.Server, *refusals) {
	t.Helper()
	said := &refusals{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, "%s %d\n", r.Method, n)
	}))
	s.Listener = gatedListener{s.Listener, guard(t, Config{Protocol: "http"}), said}
	s.Start()
	t.Cleanup(s.Close)
	return s, said
}

// refusals keeps the last.
type refusals struct {
	mu   sync.Mutex
	last flow.Verdict
}

func (r *refusals) put(v flow.Verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = v
}

func (r *refusals) take() (v flow.Verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, r.last = r.last, v
	return v
}

type gatedListener struct {
	net.Listener
	guard *Guard
	said  *refusals
}

func (l gatedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	front := c.LocalAddr().(*net.TCPAddr).AddrPort()
	return &gatedConn{Conn: c, gate: l.guard.Gate(front), said: l.said}, nil
}

// gatedConn reads through a gate.
type gatedConn struct {
	net.Conn
	gate   flow.Gate
	said   *refusals
	held   []byte
	passed bytes.Buffer
}

func (c *gatedConn) Read(p []byte) (int, error) {
	for c.passed.Len() == 0 {
		b := make([]byte, 8192)
		n, err := c.Conn.Read(b)
		if n == 0 {
			return 0, err
		}
		c.held = append(c.held, b[:n]...)
		a := c.gate.Inspect(c.held, false)
		if a.Refuse != nil {
			c.said.put(*a.Refuse)
			c.Close()
			return 0, io.EOF
		}
		if a.Done {
			a.Pass = len(c.held)
		}
		c.passed.Write(c.held[:a.Pass])
		c.held = c.held[a.Pass:]
	}
	return c.passed.Read(p)
}
