package redis

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// step is what one side sent at once.
type step struct {
	dir flow.Direction
	b   []byte
}

// c is what the client sends, s what the server does. LF stands for CR LF.
func c(text string) step { return step{flow.FromClient, crlf(text)} }
func s(text string) step { return step{flow.FromBackend, crlf(text)} }

func crlf(text string) []byte { return []byte(strings.ReplaceAll(text, "\n", "\r\n")) }

// command is one as clients send it.
func command(words ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b.String()
}

func ask(words ...string) step { return step{flow.FromClient, []byte(command(words...))} }

// bulk is a bulk string as servers send it.
func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

func tell(parts ...string) step { return step{flow.FromBackend, []byte(strings.Join(parts, ""))} }

func epoch() time.Time { return time.Unix(1_700_000_000, 0) }

// decode reads a conversation, all of it at one time.
func decode(how flow.Statements, steps []step) (ops []*flow.Operation, err error) {
	d := New(Config{Emit: func(op *flow.Operation) { ops = append(ops, op) }, Statements: how})
	for _, st := range steps {
		if err = d.Data(st.dir, epoch(), st.b); err != nil {
			break
		}
	}
	d.End(epoch())
	return ops, err
}

// redact gives what is kept of each direction, and whether the redactor kept its place.
func redact(what flow.Redaction, steps []step) (kept [2]string, ok bool) {
	r := NewRedactor(what)
	var all [2]bytes.Buffer
	ok = true
	for _, st := range steps {
		b := bytes.Clone(st.b)
		if ok = r.Redact(st.dir, b); !ok {
			break
		}
		all[st.dir].Write(b)
	}
	return [2]string{all[0].String(), all[1].String()}, ok
}

// split gives the messages.
func split(steps []step) (all []string, err error) {
	sp := NewSplitter(1<<20, func(dir flow.Direction, m Message) error {
		all = append(all, fmt.Sprintf("%v %q %q %v %v %v %+v", dir, m.Raw, m.Command, m.Silent, m.Unasked, m.Last, m.Value))
		return nil
	})
	for _, st := range steps {
		if err = sp.Data(st.dir, st.b); err != nil {
			break
		}
	}
	return all, err
}

// cut cuts each step anywhere.
func cut(t *rapid.T, steps []step) (pieces []step) {
	for _, st := range steps {
		for rest := st.b; len(rest) > 0; {
			n := min(rapid.SampledFrom([]int{1, 1, 2, 3, 5, 17, 1000}).Draw(t, "size"), len(rest))
			pieces, rest = append(pieces, step{st.dir, rest[:n]}), rest[n:]
		}
	}
	return pieces
}

// bytewise cuts each step into bytes.
func bytewise(steps []step) (pieces []step) {
	for _, st := range steps {
		for i := range st.b {
			pieces = append(pieces, step{st.dir, st.b[i : i+1]})
		}
	}
	return pieces
}

// summary is an operation in a line, without its times.
func summary(op *flow.Operation) string {
	parts := []string{op.Name}
	add := func(name string, value any) { parts = append(parts, fmt.Sprintf("%s=%v", name, value)) }
	if op.Text != "" && op.Text != op.Name {
		add("text", op.Text)
	}
	if op.Kind != "" {
		add("kind", op.Kind)
	}
	if op.Namespace != "0" {
		add("db", op.Namespace)
	}
	if op.User != "" {
		add("user", op.User)
	}
	if op.Application != "" {
		add("app", op.Application)
	}
	if op.Rows >= 0 {
		add("rows", op.Rows)
	}
	if op.Failed {
		add("status", op.Status)
	}
	if op.Error != "" {
		add("error", op.Error)
	}
	if op.Transaction != idleTransaction {
		add("tx", op.Transaction)
	}
	if op.Cut {
		add("cut", true)
	}
	if op.Unfinished {
		add("unfinished", true)
	}
	return strings.Join(parts, " ")
}

func summaries(ops []*flow.Operation) (all []string) {
	for _, op := range ops {
		all = append(all, summary(op))
	}
	return all
}

// tapped is a relay that keeps what it saw of its connections, a question before its answer.
type tapped struct {
	listener net.Listener
	backend  string
	mu       sync.Mutex
	seen     [][]step
	going    sync.WaitGroup
}

// tap starts a relay to a port of this host. It ends with the test.
func tap(t testing.TB, port int) *tapped {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &tapped{listener: l, backend: fmt.Sprintf("127.0.0.1:%d", port)}
	r.going.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.relay(conn)
		}
	})
	t.Cleanup(r.stop)
	return r
}

func (r *tapped) port() int { return r.listener.Addr().(*net.TCPAddr).Port }

// stop waits for the connections, which their clients have to close.
func (r *tapped) stop() {
	_ = r.listener.Close()
	r.going.Wait()
}

func (r *tapped) relay(client net.Conn) {
	backend, err := net.Dial("tcp", r.backend)
	if err != nil {
		_ = client.Close()
		return
	}
	r.mu.Lock()
	id := len(r.seen)
	r.seen = append(r.seen, nil)
	r.mu.Unlock()
	r.going.Go(func() { r.pump(id, flow.FromClient, client, backend) })
	r.going.Go(func() { r.pump(id, flow.FromBackend, backend, client) })
}

func (r *tapped) pump(id int, dir flow.Direction, from, to net.Conn) {
	defer to.Close()
	b := make([]byte, 16<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			r.mu.Lock()
			r.seen[id] = append(r.seen[id], step{dir, bytes.Clone(b[:n])})
			r.mu.Unlock()
			if _, err := to.Write(b[:n]); err != nil {
				_ = from.Close()
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// sessions are what was seen so far.
func (r *tapped) sessions() [][]step {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}
