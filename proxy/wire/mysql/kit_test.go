package mysql_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/mysql"
	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// piece is what was read at once of a direction.
type piece struct {
	dir flow.Direction
	b   []byte
}

func analyse(detail sql.Detail) func([]byte, sql.Dialect) sql.Statement {
	return func(raw []byte, d sql.Dialect) sql.Statement {
		return sql.Analyse(raw, d, detail, flow.OperationTextMax)
	}
}

// told is what a decoder said of a session.
type told struct {
	ops       []*flow.Operation
	err       error
	encrypted bool
}

func start() time.Time { return time.Unix(1_700_000_000, 0) }

// decode decodes pieces as a session, each a millisecond behind the one before it.
func decode(pieces []piece, how flow.Statements) (r told) {
	d := mysql.New(mysql.Config{
		Emit:       func(o *flow.Operation) { r.ops = append(r.ops, o) },
		Statement:  analyse(sql.Detail(how)),
		Statements: how,
	})
	at := start()
	for _, p := range pieces {
		at = at.Add(time.Millisecond)
		b := bytes.Clone(p.b)
		r.err = d.Data(p.dir, at, b)
		clear(b) // it is valid during the call only
		if r.err != nil {
			break
		}
	}
	d.End(at)
	r.encrypted = d.Encrypted()
	return r
}

// relay passes connections on to a port of 127.0.0.1 and keeps what passes, in the order in which a tap is told.
type relay struct {
	t        testing.TB
	listener net.Listener
	to       string
	wait     sync.WaitGroup
	// amend changes what the backend says, before anybody sees it; it is made for each session.
	amend func() flow.Amend

	mu       sync.Mutex
	sessions []*session
	conns    []net.Conn
}

type session struct {
	mu     sync.Mutex
	pieces []piece
}

// newRelay starts one that ends with the test. amend may be nil.
func newRelay(t testing.TB, port int, amend func() flow.Amend) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, listener: l, to: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), amend: amend}
	r.wait.Go(r.accept)
	t.Cleanup(func() {
		_ = l.Close()
		r.mu.Lock()
		for _, c := range r.conns { // a test that failed has left them open
			_ = c.Close()
		}
		r.mu.Unlock()
		r.wait.Wait()
	})
	return r
}

func (r *relay) port() int { return r.listener.Addr().(*net.TCPAddr).Port }

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		backend, err := net.Dial("tcp", r.to)
		if err != nil {
			_ = client.Close()
			r.t.Errorf("dial the backend: %v", err)
			return
		}
		s := &session{}
		r.mu.Lock()
		r.sessions, r.conns = append(r.sessions, s), append(r.conns, client, backend)
		r.mu.Unlock()
		var amend flow.Amend
		if r.amend != nil {
			amend = r.amend()
		}
		r.wait.Go(func() { s.pump(flow.FromClient, client, backend, nil) })
		r.wait.Go(func() { s.pump(flow.FromBackend, backend, client, amend) })
	}
}

func (s *session) pump(dir flow.Direction, from, to net.Conn, amend flow.Amend) {
	defer func() { _ = to.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if amend != nil && amend(buf[:n]) {
				amend = nil
			}
			s.mu.Lock()
			s.pieces = append(s.pieces, piece{dir, bytes.Clone(buf[:n])})
			s.mu.Unlock()
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				return // a reset is an end like another here
			}
			return
		}
	}
}

// recorded are the pieces of all sessions so far, once all of them have ended.
func (r *relay) recorded() [][]piece {
	r.t.Helper()
	_ = r.listener.Close()
	done := make(chan struct{})
	go func() { r.wait.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		r.t.Fatal("sessions have not ended")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var all [][]piece
	for _, s := range r.sessions {
		all = append(all, s.pieces)
	}
	return all
}

// stream is all of one direction.
func stream(pieces []piece, dir flow.Direction) []byte {
	var b []byte
	for _, p := range pieces {
		if p.dir == dir {
			b = append(b, p.b...)
		}
	}
	return b
}

// line is an operation in short.
func line(o *flow.Operation) string {
	s := fmt.Sprintf("%s %q rows=%d", o.Name, o.Text, o.Rows)
	for _, more := range []struct{ name, value string }{
		{"kind", o.Kind}, {"status", o.Status}, {"error", o.Error}, {"transaction", o.Transaction}, {"db", o.Namespace},
	} {
		if more.value != "" {
			s += " " + more.name + "=" + more.value
		}
	}
	if o.Unfinished {
		s += " unfinished"
	}
	if o.Cut {
		s += " cut"
	}
	return s
}

func lines(ops []*flow.Operation) (all []string) {
	for _, o := range ops {
		all = append(all, line(o))
	}
	return all
}

// packet is a packet with its header.
func packet(sequence byte, payload string) string {
	n := len(payload)
	return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), sequence}) + payload
}

// mariadb runs the mariadb client.
func mariadb(t testing.TB, port int, args ...string) string {
	t.Helper()
	return testkit.Run(t, "mariadb", slices.Concat([]string{
		"--no-defaults", "--host=127.0.0.1", "--port=" + strconv.Itoa(port), "--batch",
	}, args)...)
}

// redact overwrites what is secret in pieces. lost says that the redactor gave up, and how much it had let pass.
func redact(pieces []piece, what flow.Redaction) (redacted []piece, lost bool) {
	r := mysql.NewRedactor(what)
	for _, p := range pieces {
		b := bytes.Clone(p.b)
		if !r.Redact(p.dir, b) {
			return redacted, true
		}
		redacted = append(redacted, piece{p.dir, b})
	}
	return redacted, false
}
