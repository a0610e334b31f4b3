package gate

import (
	"bytes"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// doorway is a relay with gates, for one client after the other.
type doorway struct {
	listener net.Listener
	wait     sync.WaitGroup

	mu      sync.Mutex
	passed  bytes.Buffer // what backends were given
	refused []*flow.Verdict
}

// newDoorway starts one before a port, which ends with the test.
func newDoorway(t *testing.T, protocol string, port int) *doorway {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Config{Protocol: protocol, Service: "db", DeclineTLS: true})
	if err != nil {
		t.Fatal(err)
	}
	d := &doorway{listener: l}
	d.wait.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			backend, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				t.Errorf("dial the backend: %v", err)
				return
			}
			gate, amend := g.Session(front())
			d.wait.Go(func() { answers(client, backend, amend) })
			d.asks(client, backend, gate)
			_, _ = client.Close(), backend.Close()
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		d.wait.Wait()
	})
	return d
}

// asks passes what a client sends as the gate says, up to its end.
func (d *doorway) asks(client, backend net.Conn, gate flow.Gate) {
	var held []byte
	buf := make([]byte, 32<<10)
	for {
		n, err := client.Read(buf)
		held = append(held, buf[:n]...)
		a := flow.GateAnswer{Done: true}
		if gate != nil {
			a = gate.Inspect(held, err != nil)
		}
		d.mu.Lock()
		if a.Refuse != nil {
			d.refused = append(d.refused, a.Refuse)
			d.mu.Unlock()
			return
		}
		if a.Done {
			gate, a.Pass = nil, len(held)-a.Take
		}
		pass := held[a.Take : a.Take+a.Pass]
		d.passed.Write(pass)
		d.mu.Unlock()
		_, _ = client.Write(a.Reply)
		_, _ = backend.Write(pass)
		held = held[a.Take+a.Pass:]
		if err != nil {
			return
		}
	}
}

// answers passes what a backend says.
func answers(client, backend net.Conn, amend flow.Amend) {
	buf := make([]byte, 32<<10)
	for {
		n, err := backend.Read(buf)
		if amend != nil && amend(buf[:n]) {
			amend = nil
		}
		if _, failed := client.Write(buf[:n]); err != nil || failed != nil {
			_ = client.Close()
			return
		}
	}
}

// closed is what went through, once all is over.
func (d *doorway) closed() (passed string, refused []*flow.Verdict) {
	_ = d.listener.Close()
	d.wait.Wait()
	return d.passed.String(), d.refused
}

func (d *doorway) port() string {
	return strconv.Itoa(d.listener.Addr().(*net.TCPAddr).Port)
}

// psql prefers TLS when nobody says otherwise. It takes the N, and what it says can be read; where it requires TLS it
// leaves, and the reason says so.
func TestPsqlDeclined(t *testing.T) {
	p := testkit.Postgres(t, testkit.PostgresOptions{})
	for mode, works := range map[string]bool{"prefer": true, "require": false} {
		d := newDoorway(t, "postgres", p.Port)
		out, err := exec.Command(testkit.Program(t, "psql"), "--no-psqlrc", "--tuples-only", "--no-align", "--command",
			"SELECT 'seen'", "host=127.0.0.1 port="+d.port()+" user=postgres dbname=postgres sslmode="+mode).CombinedOutput()
		passed, refused := d.closed()
		checkDeclined(t, "sslmode="+mode, works, err, string(out), passed, refused, "sslmode=prefer")
		if strings.Contains(passed, sslRequest) || strings.Contains(passed, gssRequest) {
			t.Errorf("sslmode=%s: the backend was asked for encryption: %q", mode, passed)
		}
	}
}

// So does mariadb, to which the server's greeting says that there is no TLS.
func TestMariaDBDeclined(t *testing.T) {
	m := testkit.MariaDB(t, testkit.MariaDBOptions{TLS: true})
	if out := testkit.Run(t, "mariadb", "--no-defaults", "--host=127.0.0.1", "--port="+strconv.Itoa(m.Port), "--user=root",
		"--execute=SHOW STATUS LIKE 'Ssl_cipher'", "--ssl"); !strings.Contains(out, "TLS") {
		t.Fatalf("the server does no TLS:\n%s", out)
	}
	for option, works := range map[string]bool{"--ssl": true, "--ssl-verify-server-cert": false} {
		d := newDoorway(t, "mysql", m.Port)
		out, err := exec.Command(testkit.Program(t, "mariadb"), "--no-defaults", "--host=127.0.0.1", "--port="+d.port(),
			"--user=root", "--execute=SELECT 'seen'", option).CombinedOutput()
		passed, refused := d.closed()
		checkDeclined(t, option, works, err, string(out), passed, refused, "skip-ssl")
	}
}

// checkDeclined checks a client that can do without TLS, or cannot.
func checkDeclined(t *testing.T, how string, works bool, err error, out, passed string, refused []*flow.Verdict,
	advice string,
) {
	t.Helper()
	switch {
	case works && (err != nil || !strings.Contains(out, "seen") || !strings.Contains(passed, "SELECT 'seen'") || len(refused) > 0):
		t.Errorf("%s: %v\n%s\npassed %q, refused %+v", how, err, out, passed, refused)
	case !works && (err == nil || passed != "" || len(refused) != 1 || !strings.Contains(refused[0].Reason, advice)):
		t.Errorf("%s: %v\n%s\npassed %q, refused %+v", how, err, out, passed, refused)
	}
}
