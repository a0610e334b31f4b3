package redis

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/proxy/flow"
)

type talkCase struct {
	name  string
	how   flow.Statements
	steps []step
	want  []string
}

func talkCases() []talkCase {
	text := flow.StatementsText
	return []talkCase{
		{"values", 0, []step{
			ask("GET", "a"), tell(bulk("hello")), ask("get", "b"), s("$-1\n"), ask("SET", "a", "1"), s("+OK\n"),
			ask("INCR", "a"), s(":2\n"), ask("ECHO", ""), tell(bulk("")),
		}, []string{"GET text=GET ? rows=1", "GET text=GET ? rows=0", "SET text=SET ? ?", "INCR text=INCR ? rows=1", "ECHO text=ECHO ? rows=1"}},
		{"lists", 0, []step{
			ask("MGET", "a", "b", "c"), s("*3\n$1\nx\n$-1\n:5\n"), ask("LRANGE", "a", "0", "1"), s("*0\n"),
			ask("BLPOP", "a", "1"), s("*-1\n"), ask("X"), s("*2\n*1\n:1\n*-1\n"),
		}, []string{"MGET text=MGET ? ? ? rows=3", "LRANGE text=LRANGE ? ? ? rows=0", "BLPOP text=BLPOP ? ? rows=0", "X rows=2"}},
		{"many arguments are alike", 0, []step{
			ask(append([]string{"DEL"}, strings.Split("abcdefghi", "")...)...), s(":1\n"),
			ask(append([]string{"DEL"}, strings.Split("abcdefghijklmnop", "")...)...), s(":1\n"),
		}, []string{"DEL text=DEL ? ? ? ? ? ? ? ? ... rows=1", "DEL text=DEL ? ? ? ? ? ? ? ? ... rows=1"}},
		{"pipeline", 0, []step{
			tell(), {flow.FromClient, []byte(command("GET", "a") + command("GET", "b") + command("PING"))},
			tell(bulk("1"), bulk("2"), "+PONG\r\n"),
		}, []string{"GET text=GET ? rows=1", "GET text=GET ? rows=1", "PING"}},
		{"inline", text, []step{
			c("PING\n\n  set a \"b c\"\n"), s("+PONG\n+OK\n"),
		}, []string{"PING", `SET text=set a "b c"`}},
		{"resp3", 0, []step{
			ask("HELLO", "3"), s("%2\n$6\nserver\n$5\nredis\n+proto\n:3\n"), ask("X"), s("_\n"), ask("X"), s("#t\n"), ask("X"), s(",1.5\n"),
			ask("X"), s("(123456789012345678901234567890\n"), ask("X"), s("=7\ntxt:abc\n"), ask("X"), s("~2\n:1\n:2\n"), ask("X"), s("!9\nERR a bad\n"),
			ask("X"), s("|1\n+ttl\n:5\n*1\n:1\n"), ask("X"), s("*?\n:1\n:2\n.\n"), ask("X"), s("$?\n;4\nHell\n;1\no\n;0\n"), ask("X"), s("%?\n+a\n:1\n.\n"),
			ask("X"), s("*2\n|1\n+a\n*1\n:1\n:1\n:2\n"),
		}, []string{
			"HELLO text=HELLO ? rows=2", "X rows=0", "X rows=1", "X rows=1", "X rows=1", "X rows=1", "X rows=2", "X status=ERR error=ERR a bad", "X rows=1", "X rows=2",
			"X rows=1", "X rows=1", "X rows=2",
		}},
		{"errors", text, []step{
			ask("FOO", "bar"), s("-ERR unknown command 'FOO', with args beginning with: 'bar'\n"), ask("GET", "x"), s("-MOVED 3999 127.0.0.1:6381\n"),
			ask("HELLO", "3", "AUTH", "u", "secret"), s("-ERR Syntax error in HELLO option 'secret'\n"),
		}, []string{
			"FOO text=FOO bar status=ERR error=ERR unknown command 'FOO', with args beginning with: 'bar'", "GET text=GET x status=MOVED error=MOVED 3999 127.0.0.1:6381",
			"HELLO text=HELLO 3 AUTH u xxxxxx kind=login status=ERR error=ERR Syntax error in HELLO option ?",
		}},
		{"errors without literals", 0, []step{
			ask("FOO", "bar"), s("-ERR unknown command 'FOO', with args beginning with: 'bar'\n"), ask("EVAL", "x", "0"), s("-ERR my secret value\n"),
			ask("FT.SEARCH", "i", "secret"), s("-Syntax error at offset 3 near secret\n"),
		}, []string{"FOO text=FOO ? status=ERR error=ERR unknown command ?", "EVAL text=EVAL ? ? status=ERR", "FT.SEARCH text=FT.SEARCH ? ? status=Syntax"}},
		{"the session's state", text, []step{
			ask("AUTH", "secret"), s("+OK\n"), ask("AUTH", "alice", "secret"), s("+OK\n"), ask("SELECT", "3"), s("+OK\n"), ask("SELECT", "99"), s("-ERR DB index is out of range\n"),
			ask("CLIENT", "SETNAME", "worker"), s("+OK\n"), ask("GET", "a"), s("$-1\n"), ask("RESET"), s("+RESET\n"), ask("GET", "a"), s("$-1\n"),
			ask("HELLO", "3", "AUTH", "bob", "secret", "SETNAME", "web"), s("%0\n"), ask("PING"), s("+PONG\n"),
		}, []string{
			"AUTH text=AUTH xxxxxx kind=login user=default", "AUTH text=AUTH alice xxxxxx kind=login user=alice", "SELECT text=SELECT 3 user=alice", "SELECT text=SELECT 99 db=3 user=alice status=ERR error=ERR DB index is out of range",
			"CLIENT SETNAME text=CLIENT SETNAME worker db=3 user=alice app=worker", "GET text=GET a db=3 user=alice app=worker rows=0", "RESET db=3", "GET text=GET a rows=0",
			"HELLO text=HELLO 3 AUTH bob xxxxxx SETNAME web kind=login user=bob app=web rows=0", "PING user=bob app=web",
		}},
		{"transaction", 0, []step{
			{flow.FromClient, []byte(command("MULTI") + command("SELECT", "2") + command("INCR", "a") + command("GET", "l") + command("EXEC"))},
			s("+OK\n+QUEUED\n+QUEUED\n+QUEUED\n*3\n+OK\n:1\n-WRONGTYPE Operation\n"), ask("MULTI"), s("+OK\n"), ask("FOO"), s("-ERR unknown command 'FOO'\n"),
			ask("EXEC"), s("-EXECABORT Transaction discarded\n"), ask("MULTI"), s("+OK\n"), ask("SELECT", "5"), s("+QUEUED\n"), ask("DISCARD"), s("+OK\n"), ask("PING"), s("+PONG\n"),
		}, []string{
			"MULTI tx=active", "SELECT text=SELECT ? tx=active", "INCR text=INCR ? tx=active", "GET text=GET ? tx=active", "EXEC rows=3 status=WRONGTYPE error=WRONGTYPE Operation",
			"MULTI db=2 tx=active", "FOO db=2 status=ERR error=ERR unknown command ? tx=failed", "EXEC db=2 status=EXECABORT error=EXECABORT Transaction discarded",
			"MULTI db=2 tx=active", "SELECT text=SELECT ? db=2 tx=active", "DISCARD db=2", "PING db=2",
		}},
		{"a transaction with a password", text, []step{
			{flow.FromClient, []byte(command("MULTI") + command("ACL", "SETUSER", "a", "<"+secret) + command("EXEC"))}, s("+OK\n+QUEUED\n*1\n-ERR Error in ACL SETUSER modifier '<" + secret + "': no\n"),
		}, []string{"MULTI tx=active", "ACL SETUSER text=ACL SETUSER a <xxxxxxxxxxxxx tx=active", "EXEC rows=1 status=ERR error=ERR Error in ACL SETUSER modifier ?"}},
		{"subscriptions", text, []step{
			ask("SUBSCRIBE", "a", "b"), s("*3\n$9\nsubscribe\n$1\na\n:1\n*3\n$7\nmessage\n$1\na\n$2\nhi\n*3\n$9\nsubscribe\n$1\nb\n:2\n"),
			ask("PSUBSCRIBE", "x*"), s("*3\n$10\npsubscribe\n$2\nx*\n:3\n*4\n$8\npmessage\n$2\nx*\n$2\nxy\n$1\nz\n"), ask("PING"), s("*2\n$4\npong\n$0\n\n"),
			ask("UNSUBSCRIBE"), s("*3\n$11\nunsubscribe\n$1\na\n:2\n*3\n$11\nunsubscribe\n$1\nb\n:1\n"), ask("PUNSUBSCRIBE", "x*"), s("*3\n$12\npunsubscribe\n$2\nx*\n:0\n"),
			ask("UNSUBSCRIBE"), s("*3\n$11\nunsubscribe\n$-1\n:0\n"), ask("LRANGE", "m", "0", "-1"), s("*3\n$7\nmessage\n$1\na\n$2\nhi\n"),
		}, []string{
			"MESSAGE text=MESSAGE a kind=notification", "SUBSCRIBE text=SUBSCRIBE a b kind=subscribe rows=3", "PSUBSCRIBE text=PSUBSCRIBE x* kind=subscribe rows=3", "PMESSAGE text=PMESSAGE x* kind=notification",
			"PING rows=2", "UNSUBSCRIBE kind=subscribe rows=3", "PUNSUBSCRIBE text=PUNSUBSCRIBE x* kind=subscribe rows=3", "UNSUBSCRIBE kind=subscribe rows=3", "LRANGE text=LRANGE m 0 -1 rows=3",
		}},
		{"pushes", 0, []step{
			ask("GET", "a"), s(">2\n$10\ninvalidate\n*1\n$1\nk\n$1\nv\n"), ask("SUBSCRIBE", "a"), s(">3\n$9\nsubscribe\n$1\na\n:1\n>3\n$7\nmessage\n$1\na\n$2\nhi\n"), ask("GET", "a"), s("$1\nv\n"),
			ask("SSUBSCRIBE", "q"), s(">3\n$10\nssubscribe\n$1\nq\n:1\n>3\n$12\nsunsubscribe\n$1\nq\n:0\n"),
		}, []string{
			"INVALIDATE text=INVALIDATE ? kind=notification", "GET text=GET ? rows=1", "SUBSCRIBE text=SUBSCRIBE ? kind=subscribe rows=3", "MESSAGE text=MESSAGE ? kind=notification", "GET text=GET ? rows=1",
			"SSUBSCRIBE text=SSUBSCRIBE ? kind=subscribe rows=3", "SUNSUBSCRIBE text=SUNSUBSCRIBE ? kind=notification",
		}},
		{"answers that nobody gives", 0, []step{
			ask("CLIENT", "REPLY", "SKIP"), ask("SET", "a", "b"), ask("GET", "a"), s("$1\nb\n"), ask("CLIENT", "REPLY", "OFF"), ask("SELECT", "4"), ask("CLIENT", "REPLY", "ON"), s("+OK\n"), ask("PING"), s("+PONG\n"),
		}, []string{"CLIENT REPLY text=CLIENT REPLY ?", "SET text=SET ? ?", "GET text=GET ? rows=1", "CLIENT REPLY text=CLIENT REPLY ?", "SELECT text=SELECT ?", "CLIENT REPLY text=CLIENT REPLY ? db=4", "PING db=4"}},
		{"monitor", text, []step{
			ask("MONITOR"), s("+OK\n+1700000000.123456 [0 127.0.0.1:5000] \"GET\" \"a\"\n"), ask("PING"), s("+1700000000.123457 [0 127.0.0.1:5000] \"PING\"\n+PONG\n"),
		}, []string{"MONITOR", "MONITOR kind=notification", "MONITOR kind=notification", "PING"}},
		{"replication", 0, []step{
			ask("PSYNC", "?", "-1"), s("-NOMASTERLINK no\n"), ask("PSYNC", "?", "-1"), s("+FULLRESYNC 0 1\n$5\nREDISx"), c("no\x00Redis\n"), s("neither"),
		}, []string{"PSYNC text=PSYNC ? ? kind=replication status=NOMASTERLINK error=NOMASTERLINK no", "PSYNC text=PSYNC ? ? kind=replication"}},
		{"unfinished", 0, []step{ask("GET", "a"), c("*2\n$3\nSET\n$1")}, []string{"GET text=GET ? unfinished=true", "SET unfinished=true"}},
		{"refused at once", 0, []step{s("-ERR max number of clients reached\n")}, []string{" kind=notification status=ERR error=ERR max number of clients reached"}},
		{"off", flow.StatementsOff, []step{ask("GET", "a"), s("-ERR a 'b'\n")}, []string{"GET status=ERR"}},
		{"long", text, []step{ask("SET", "a", strings.Repeat("v", 9000)), s("+OK\n")}, []string{"SET text=SET a " + strings.Repeat("v", flow.OperationTextMax-6) + " cut=true"}},
	}
}

func TestDecoder(t *testing.T) {
	for _, tc := range talkCases() {
		t.Run(tc.name, func(t *testing.T) {
			for how, steps := range map[string][]step{"at once": tc.steps, "byte by byte": bytewise(tc.steps)} {
				ops, err := decode(tc.how, steps)
				if err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				if diff := cmp.Diff(tc.want, summaries(ops)); diff != "" {
					t.Errorf("%s:\n%s", how, diff)
				}
			}
		})
	}
}

func TestInlineWords(t *testing.T) {
	ops, err := decode(flow.StatementsText, []step{c("set a \"b c\\x41\\n\\x4z\" 'd\\'e\\f'\n"), s("+OK\n")})
	if err != nil || len(ops) != 1 {
		t.Fatal(ops, err)
	}
	if want := `set a "b cA\nx4z" "d'e\\f"`; ops[0].Text != want {
		t.Errorf("text %s, want %s", ops[0].Text, want)
	}
}

func TestDecoderRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		steps []step
		want  string
	}{
		"HTTP":           {[]step{ask("PING"), s("HTTP/1.1 200 OK\n")}, "a byte 'H', with which no answer begins"},
		"no question":    {[]step{s("+OK\n")}, "an answer to nothing that was asked"},
		"a long count":   {[]step{c("*1234567890123456\n")}, "in the count behind '*'"},
		"a bad argument": {[]step{c("*1\n:1\n")}, "where an argument of a command begins with $"},
		"a bad length":   {[]step{ask("GET", "a"), s("$1\nabc\n")}, "behind a bulk string of the length that was told"},
		"a bad end":      {[]step{ask("GET", "a"), s(".\n")}, "the mark of an end where nothing is open"},
		"depth":          {[]step{ask("GET", "a"), tell(strings.Repeat("*1\r\n", depthMax+1))}, "aggregates within each other"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, steps := range [][]step{tc.steps, bytewise(tc.steps)} {
				if _, err := decode(0, steps); err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("error %v, want one that says %q", err, tc.want)
				}
			}
		})
	}
}

// A gap within a string is passed over; anywhere else what follows cannot be read.
// TestSkippedName: what may be a password, since nobody saw the command's name, is told as one, and an error of it
// without quotes.
func TestSkippedName(t *testing.T) {
	var got []string
	d := New(Config{Statements: flow.StatementsText, Emit: func(op *flow.Operation) { got = append(got, op.Text, op.Error) }})
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(d.Data(flow.FromClient, epoch(), []byte("*2\r\n$4\r\n")))
	must(d.Skipped(flow.FromClient, epoch(), 4))
	must(d.Data(flow.FromClient, epoch(), []byte("\r\n$7\r\nhunter2\r\n")))
	must(d.Data(flow.FromBackend, epoch(), []byte("-ERR not 'hunter2'\r\n")))
	must(d.Data(flow.FromClient, epoch(), []byte(command("GET", "a"))))
	d.End(epoch())
	if want := []string{`xxxxxxx`, "ERR not ?", "GET a", ""}; len(got) != 4 || !strings.HasSuffix(got[0], want[0]) || !slices.Equal(got[1:], want[1:]) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSkipped(t *testing.T) {
	var ops []*flow.Operation
	d := New(Config{Emit: func(op *flow.Operation) { ops = append(ops, op) }, Statements: flow.StatementsText})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(d.Data(flow.FromClient, epoch(), []byte("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1000\r\nabc")))
	must(d.Skipped(flow.FromClient, epoch(), 997))
	must(d.Data(flow.FromClient, epoch(), []byte("\r\n")))
	must(d.Data(flow.FromBackend, epoch(), []byte("+OK\r\n")))
	if len(ops) != 1 || ops[0].Text != "SET a abc" || !ops[0].Cut || ops[0].FromClient != 1029 {
		t.Errorf("operations %+v", ops)
	}
	if err := d.Skipped(flow.FromBackend, epoch(), 1); err == nil || !strings.Contains(err.Error(), "1 bytes of the server passed unseen") {
		t.Errorf("error %v", err)
	}
}

func TestTimes(t *testing.T) {
	var op *flow.Operation
	d := New(Config{Emit: func(o *flow.Operation) { op = o }})
	at := func(ms int) time.Time { return epoch().Add(time.Duration(ms) * time.Millisecond) }
	for _, p := range []struct {
		ms   int
		step step
	}{{0, c("*2\n$3\nGE")}, {10, c("T\n$1\na\n")}, {50, s("$3\na")}, {90, s("bc\n")}} {
		if err := d.Data(p.step.dir, at(p.ms), p.step.b); err != nil {
			t.Fatal(err)
		}
	}
	if op == nil || !op.Started.Equal(epoch()) || op.Asked != 10*time.Millisecond || op.FirstByte != 50*time.Millisecond || op.LastByte != 90*time.Millisecond ||
		op.FromClient != 20 || op.FromBackend != 9 {
		t.Errorf("operation %+v", op)
	}
}

// Beyond outstandingMax commands are counted, what changes the session is not forgotten, and the answers stay paired.
func TestLongPipeline(t *testing.T) {
	const many = 3 * outstandingMax
	var steps []step
	for i := range many {
		steps = append(steps, ask("INCR", fmt.Sprint(i)))
	}
	steps = append(steps, ask("SELECT", "7"))
	for range many {
		steps = append(steps, ask("PING"))
	}
	for range many {
		steps = append(steps, s(":1\n"))
	}
	steps = append(steps, s("+OK\n"))
	for range many {
		steps = append(steps, s("+PONG\n"))
	}
	ops, err := decode(0, append(steps, ask("GET", "a"), s("$-1\n")))
	if err != nil {
		t.Fatal(err)
	}
	got := summaries(ops)
	if n := len(got); n != outstandingMax+4 || got[0] != "INCR text=INCR ? rows=1" {
		t.Fatalf("%d operations, the first %s", n, got[0])
	}
	want := []string{"PIPELINE", "SELECT text=SELECT ?", "PIPELINE db=7", "GET text=GET ? db=7 rows=0"}
	if tail := got[outstandingMax:]; !slices.Equal(tail, want) {
		t.Errorf("at the end %q", tail)
	}
	var bytes uint64
	for _, op := range ops {
		bytes += op.FromClient + op.FromBackend
	}
	var all uint64
	for _, st := range steps {
		all += uint64(len(st.b))
	}
	if bytes != all+uint64(len(command("GET", "a"))+5) {
		t.Errorf("%d bytes in operations, %d were sent", bytes, all)
	}
}

func TestEncrypted(t *testing.T) {
	d := New(Config{})
	if err := d.Data(flow.FromClient, epoch(), []byte("\x16\x03\x01\x02\x00")); err != nil || !d.Encrypted() {
		t.Errorf("error %v, encrypted %v", err, d.Encrypted())
	}
	if err := d.Data(flow.FromBackend, epoch(), []byte("\x16\x03\x03")); err != nil {
		t.Error(err)
	}
}

// TLS begins with the client's first bytes or not at all: what looks like it behind a command hides no secret.
func TestNotEncrypted(t *testing.T) {
	for _, first := range []string{command("PING"), "\r\n", "\x16"} {
		d := New(Config{})
		r := NewRedactor(flow.Redaction{Authentication: true})
		sent := []byte(first + "\x16\x03\r\n" + command("AUTH", "secret"))
		kept := true
		for i := range sent {
			_ = d.Data(flow.FromClient, epoch(), sent[i:i+1])
			kept = kept && r.Redact(flow.FromClient, sent[i:i+1])
		}
		if d.Encrypted() || kept && bytes.Contains(sent, []byte("secret")) {
			t.Errorf("behind %q: encrypted %v, %q is kept (%v)", first, d.Encrypted(), sent, kept)
		}
	}
}

// A command that is like another costs its operation and nothing else.
func TestAllocations(t *testing.T) {
	d := New(Config{Emit: func(*flow.Operation) {}})
	q, a := []byte(command("SET", "key", "value")), []byte("+OK\r\n")
	n := testing.AllocsPerRun(1000, func() {
		if d.Data(flow.FromClient, epoch(), q) != nil || d.Data(flow.FromBackend, epoch(), a) != nil {
			t.Fail()
		}
	})
	if n > 2 { // the operation and its status
		t.Errorf("%v allocations for a command and its answer", n)
	}
}

// Bulk strings are counted, never kept: a gigabyte costs what a byte does.
func TestBulkCostsNothing(t *testing.T) {
	d := New(Config{Emit: func(*flow.Operation) {}})
	r := NewRedactor(flow.Redaction{Authentication: true})
	piece := make([]byte, 32<<10)
	head := c("*3\n$3\nSET\n$1\na\n$1000000000\n")
	if err := d.Data(head.dir, epoch(), head.b); err != nil || !r.Redact(head.dir, head.b) {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(1000, func() {
		if d.Data(flow.FromClient, epoch(), piece) != nil || !r.Redact(flow.FromClient, piece) {
			t.Fail()
		}
	})
	if n > 0 {
		t.Errorf("%v allocations for each piece", n)
	}
}

func BenchmarkDecoder(b *testing.B) {
	d := New(Config{Emit: func(*flow.Operation) {}})
	q, a := []byte(command("SET", "key:000000000001", "xxx")), []byte("+OK\r\n")
	at := epoch()
	b.ReportAllocs()
	for b.Loop() {
		_ = d.Data(flow.FromClient, at, q)
		_ = d.Data(flow.FromBackend, at, a)
	}
}
