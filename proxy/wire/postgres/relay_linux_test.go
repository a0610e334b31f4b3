package postgres_test

import (
	"bytes"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/postgres"
)

// relay stands before a server and reads along, as a door does.
type relay struct {
	t        *testing.T
	listener net.Listener
	server   string
	redact   flow.Redaction
	from     int // where the server's log was when the relay came
	wait     sync.WaitGroup

	mu         sync.Mutex
	operations []flow.Operation
	sessions   []*conversation
	errs       []error
}

// conversation is what one session said, and what a redactor left of it.
type conversation struct {
	whole, redacted []piece
}

func newRelay(t *testing.T, server *testkit.PostgresServer, c flow.Redaction) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, listener: l, server: net.JoinHostPort("127.0.0.1", strconv.Itoa(server.Port)), redact: c, from: len(server.Log())}
	r.wait.Go(r.accept)
	t.Cleanup(r.close)
	return r
}

func (r *relay) close() {
	r.listener.Close()
	r.wait.Wait()
}

func (r *relay) port() string {
	_, port, _ := net.SplitHostPort(r.listener.Addr().String())
	return port
}

func (r *relay) accept() {
	for {
		c, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.wait.Go(func() { r.serve(c) })
	}
}

func (r *relay) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		r.failed(err)
		return
	}
	defer server.Close()
	s := &conversation{}
	decoder := postgres.New(postgres.Config{Emit: r.told, Statement: asWritten, Statements: flow.StatementsText})
	redactor := postgres.NewRedactor(r.redact)
	var mu sync.Mutex
	tell := func(d flow.Direction, b []byte) {
		mu.Lock()
		defer mu.Unlock()
		if err := decoder.Data(d, time.Now(), b); err != nil {
			r.failed(err)
		}
		kept := bytes.Clone(b)
		if !redactor.Redact(d, kept) {
			r.t.Errorf("the redactor lost its place")
		}
		s.whole = append(s.whole, piece{d, string(b)})
		s.redacted = append(s.redacted, piece{d, string(kept)})
	}
	var both sync.WaitGroup
	both.Go(func() { pump(client, server, func(b []byte) { tell(flow.FromClient, b) }) })
	both.Go(func() { pump(server, client, func(b []byte) { tell(flow.FromBackend, b) }) })
	both.Wait()
	decoder.End(time.Now())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions = append(r.sessions, s)
}

// pump moves bytes until the source's end, and tells them before they are written. Either end's end is the other's.
func pump(from, to net.Conn, tell func([]byte)) {
	defer to.(*net.TCPConn).CloseWrite() //nolint:errcheck // the other side may be gone
	b := make([]byte, 16<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			tell(b[:n])
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (r *relay) told(o *flow.Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.operations = append(r.operations, *o)
}

func (r *relay) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

// all ends the relay and returns what it was told.
func (r *relay) all() ([]flow.Operation, []*conversation) {
	r.t.Helper()
	r.close()
	for _, err := range r.errs {
		r.t.Error(err)
	}
	return r.operations, r.sessions
}

// env is how libpq's programs find the relay.
func (r *relay) env(more ...string) []string {
	return append([]string{
		"PGHOST=127.0.0.1", "PGPORT=" + r.port(), "PGUSER=postgres", "PGDATABASE=postgres", "PGSSLMODE=prefer",
		"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=/nonexistent",
	}, more...)
}

// logged is what a server said of those that came over TCP: statements that ran, and the statements of errors with
// their codes. Its log_line_prefix is "%h|%e|".
func logged(log string) (ran, failed []string) {
	var code string
	for line := range strings.Lines(log) {
		prefix, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "|")
		state, text, ok := strings.Cut(text, "|")
		if !ok || prefix != "127.0.0.1" {
			continue
		}
		kind, text, _ := strings.Cut(text, ":  ")
		switch kind {
		case "LOG":
			what, statement, _ := strings.Cut(text, ": ")
			if what == "statement" || what == "received replication command" || strings.HasPrefix(what, "execute ") {
				ran = append(ran, statement)
			}
		case "ERROR":
			code = state
		case "STATEMENT": // of a message that is no error it was told already
			if code != "" {
				failed = append(failed, code+" "+text)
			}
			code = ""
		}
	}
	return ran, failed
}
