package redis

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

const serverWithin = 20 * time.Second

// talker is a client that sends what a test says and reads as many answers as it expects.
type talker struct {
	t    *testing.T
	conn net.Conn
	raw  lexer
}

func dial(t *testing.T, port int) *talker {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(serverWithin))
	return &talker{t: t, conn: conn}
}

// say sends and waits for a number of answers.
func (k *talker) say(text string, answers int) {
	k.t.Helper()
	if _, err := k.conn.Write([]byte(text)); err != nil {
		k.t.Fatal(err)
	}
	k.await(answers)
}

func (k *talker) await(answers int) {
	k.t.Helper()
	b := make([]byte, 1) // no more than the answer: the rest is the next call's
	for answers > 0 {
		if _, err := k.conn.Read(b); err != nil {
			k.t.Fatal(err)
		}
		_, whole, err := k.raw.feed(b, nobody{})
		if err != nil {
			k.t.Fatal(err)
		}
		if whole {
			answers--
		}
	}
}

func (k *talker) do(words ...string) {
	k.t.Helper()
	k.say(command(words...), 1)
}

type nobody struct{}

func (nobody) open(byte, int64)  {}
func (nobody) begin(byte, int64) {}
func (nobody) part([]byte)       {}
func (nobody) end()              {}
func (nobody) shut()             {}

// monitor runs redis-cli monitor beside the test.
func monitor(t *testing.T, server *testkit.RedisServer) *testkit.Child {
	t.Helper()
	child := testkit.Start(t, exec.Command(testkit.Program(t, "redis-cli"), "-p", strconv.Itoa(server.Port), "monitor"))
	testkit.Wait(t, "redis-cli monitor", func() bool { return strings.HasPrefix(child.Stdout(), "OK") }, serverWithin)
	return child
}

// quotedWords are the words of a line of MONITOR.
func quotedWords(t *testing.T, line string) (words []string) {
	t.Helper()
	_, line, _ = strings.Cut(line, "] ")
	for rest := line; rest != ""; {
		q, err := strconv.QuotedPrefix(rest)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		w, err := strconv.Unquote(q)
		if err != nil {
			t.Fatal(err)
		}
		words, rest = append(words, w), strings.TrimPrefix(rest[len(q):], " ")
	}
	return words
}

// decodeAll decodes sessions and returns the texts of all commands, without those that MONITOR does not show.
func decodeAll(t *testing.T, sessions [][]step) (ops []*flow.Operation) {
	t.Helper()
	for i, steps := range sessions {
		one, err := decode(flow.StatementsText, steps)
		if err != nil {
			t.Fatalf("session %d: %v", i, err)
		}
		other, err := decode(flow.StatementsText, bytewise(steps))
		if err != nil || !slices.Equal(summaries(one), summaries(other)) {
			t.Errorf("session %d in bytes: %v, %d and %d operations", i, err, len(one), len(other))
		}
		ops = append(ops, one...)
	}
	return ops
}

// shown are the commands that MONITOR shows as they were: all that it takes, but for those with passwords and EXEC.
func shown(ops []*flow.Operation) (texts []string) {
	for _, op := range ops {
		switch {
		case op.Kind == "notification", op.Name == "AUTH", strings.HasPrefix(op.Name, "DEBUG"), op.Name == "EXEC", op.Name == "HELLO", op.Status == "ERR", op.Status == "EXECABORT",
			strings.HasPrefix(op.Text, "CONFIG SET requirepass"), strings.HasPrefix(op.Text, "ACL SETUSER"), strings.HasPrefix(op.Text, "MIGRATE"):
			continue
		}
		texts = append(texts, op.Text)
	}
	slices.Sort(texts)
	return texts
}

func seenByServer(t *testing.T, monitor *testkit.Child) (texts []string) {
	t.Helper()
	for line := range strings.Lines(monitor.Stdout()) {
		if !strings.Contains(line, "] \"") {
			continue
		}
		words := quotedWords(t, strings.TrimSuffix(line, "\n"))
		name := strings.ToUpper(words[0])
		if name == "HELLO" || name == "EXEC" || strings.Contains(line, "(redacted)") {
			continue
		}
		var b []byte
		for i, w := range words {
			if i > 0 {
				b = append(b, ' ')
			}
			b = quote(b, []byte(w))
		}
		texts = append(texts, string(b[:min(len(b), flow.OperationTextMax)]))
	}
	slices.Sort(texts)
	return texts
}

// debugServer starts a Redis that answers DEBUG PROTOCOL with every type there is.
func debugServer(t *testing.T) *testkit.RedisServer {
	t.Helper()
	port := testkit.FreePort(t)
	child := testkit.Start(t, exec.Command(testkit.Program(t, "redis-server"), "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "",
		"--dir", t.TempDir(), "--enable-debug-command", "yes"))
	testkit.Wait(t, "redis-server", func() bool { return strings.Contains(child.Stdout(), "Ready to accept") }, serverWithin)
	return &testkit.RedisServer{Child: child, Port: port}
}

// everything is a client that uses all that the decoder knows.
func everything(t *testing.T, port int) {
	k := dial(t, port)
	k.do("SET", "a key", "v\x00al\"ue\r\n")
	k.do("GET", "a key")
	k.do("GET", "none")
	k.say("PING\r\n  set inline \"a \\x41\\n\" \r\nget inline\r\n", 3)
	k.do("RPUSH", "l", "1", "2", "3")
	k.do("LRANGE", "l", "0", "-1")
	k.do("INCR", "l") // WRONGTYPE
	k.do("NOSUCH", "x")
	k.do("CLIENT", "SETNAME", "worker")
	k.do("SELECT", "3")
	k.do("SET", "in3", strings.Repeat("v", 100_000))
	k.say(command("MULTI")+command("INCR", "n")+command("INCR", "in3")+command("SELECT", "5")+command("EXEC"), 5)
	k.do("SET", "in5", "x")
	k.say(command("MULTI")+command("NOSUCH")+command("EXEC"), 3)
	k.say(command("SUBSCRIBE", "c1", "c2")+command("PSUBSCRIBE", "p*"), 3)
	other := dial(t, port)
	other.do("PUBLISH", "c1", "hello")
	other.do("PUBLISH", "pq", "world")
	k.await(2)
	k.say(command("UNSUBSCRIBE")+command("PUNSUBSCRIBE"), 3)
	k.do("GET", "in5")
	k.do("HELLO", "3")
	k.do("HSET", "h", "f", "v", "g", "w")
	k.do("HGETALL", "h")
	k.do("ZADD", "z", "1.5", "m")
	k.do("ZSCORE", "z", "m")
	k.do("GET", "none")
	k.do("DEBUG", "PROTOCOL", "attrib")
	for _, kind := range []string{"string", "integer", "double", "null", "array", "set", "map", "bignum", "true", "verbatim", "push"} {
		answers := 1
		if kind == "push" { // an answer beside the push
			answers = 2
		}
		k.say(command("DEBUG", "PROTOCOL", kind), answers)
	}
	k.do("COMMAND", "DOCS", "SET")
	k.do("CLIENT", "TRACKING", "ON")
	k.do("GET", "in5")
	other.do("SELECT", "5")
	other.do("SET", "in5", "y")
	k.await(1) // invalidate
	k.say(command("CLIENT", "REPLY", "SKIP")+command("SET", "quiet", "1")+command("GET", "quiet"), 1)
	k.say(command("CLIENT", "REPLY", "OFF")+command("SET", "quiet", "2")+command("CLIENT", "REPLY", "ON")+command("GET", "quiet"), 2)
	k.do("EVAL", "return redis.error_reply('MY own error')", "0")
	k.do("RESET")
	k.do("QUIT")
}

// TestServer compares what was decoded with what the server says of itself.
func TestServer(t *testing.T) {
	server := debugServer(t)
	relay := tap(t, server.Port)
	m := monitor(t, server)
	everything(t, relay.port())
	dial(t, server.Port).do("ECHO", "the end")
	testkit.Wait(t, "MONITOR to show the end", func() bool { return strings.Contains(m.Stdout(), "the end") }, serverWithin)
	testkit.Wait(t, "the sessions to be over", func() bool { return len(relay.sessions()) == 2 }, serverWithin)
	ops := decodeAll(t, relay.sessions())
	got := shown(ops)
	want := slices.DeleteFunc(seenByServer(t, m), func(text string) bool {
		return text == `ECHO "the end"`
	})
	diffLists(t, got, want)
	t.Logf("%d operations, %d in MONITOR", len(ops), len(want))
	for want, n := range map[string]int{
		"MESSAGE text=MESSAGE c1 kind=notification db=5 app=worker":                                               1,
		"PMESSAGE text=PMESSAGE p* kind=notification db=5 app=worker":                                             1,
		"INVALIDATE kind=notification db=5 app=worker":                                                            2,
		"EXEC db=3 app=worker rows=3 status=ERR error=ERR value is not an integer or out of range":                1,
		"EXEC db=5 app=worker status=EXECABORT error=EXECABORT Transaction discarded because of previous errors.": 1,
		"GET text=GET in5 db=5 app=worker rows=1":                                                                 2,
		"LRANGE text=LRANGE l 0 -1 rows=3":                                                                        1,
		"HGETALL text=HGETALL h db=5 app=worker rows=2":                                                           1,
		"RESET db=5": 1,
	} {
		if got := count(summaries(ops), want); got != n {
			t.Errorf("%d of %q, want %d, in\n%s", got, want, n, strings.Join(summaries(ops), "\n"))
		}
	}
}

func count(list []string, what string) (n int) {
	for _, s := range list {
		if s == what {
			n++
		}
	}
	return n
}

func diffLists(t *testing.T, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for _, s := range got {
		if count(got, s) != count(want, s) {
			t.Errorf("decoded %d times, seen by the server %d times: %.200s", count(got, s), count(want, s), s)
		}
	}
	for _, s := range want {
		if count(got, s) == 0 {
			t.Errorf("not decoded: %.200s", s)
		}
	}
}

// redis-benchmark's pipelines: as many operations as it says it sent.
func TestBenchmark(t *testing.T) {
	server := testkit.Redis(t)
	relay := tap(t, server.Port)
	testkit.Run(t, "redis-benchmark", "-p", strconv.Itoa(relay.port()), "-P", "16", "-c", "4", "-n", "4000", "-t", "set,get,lpush,lrange_100,mset", "-q")
	counts := map[string]int{}
	for i, steps := range relay.sessions() {
		ops, err := decode(0, steps)
		if err != nil {
			t.Fatalf("session %d: %v", i, err)
		}
		for _, op := range ops {
			if op.Unfinished || op.Failed {
				t.Fatalf("%s: %s", summary(op), op.Error)
			}
			counts[op.Name]++
		}
	}
	out := testkit.Run(t, "redis-cli", "-p", strconv.Itoa(server.Port), "INFO", "commandstats")
	for line := range strings.Lines(out) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		if !ok || name == "info" {
			continue
		}
		calls, _, _ := strings.Cut(rest, ",")
		if n := counts[strings.ToUpper(strings.ReplaceAll(name, "|", " "))]; strconv.Itoa(n) != calls {
			t.Errorf("%s: %d decoded, %s called", name, n, calls)
		}
	}
	if counts["SET"] < 4000 || counts["LRANGE"] < 4000 {
		t.Errorf("counts %v", counts)
	}
}

// redis-cli, as people use it, and secrets in every form that it can send: none is kept.
func TestSecrets(t *testing.T) {
	server := testkit.Redis(t)
	relay := tap(t, server.Port)
	k := dial(t, relay.port())
	slow := dial(t, server.Port)
	slow.do("CONFIG", "SET", "slowlog-log-slower-than", "0")
	k.do("CONFIG", "SET", "requirepass", secret, "masterauth", secret)
	k.do("AUTH", secret)
	k.do("AUTH", "default", "wrong"+secret)
	k.do("CONFIG", "GET", "*pass*")
	k.do("ACL", "SETUSER", "alice", "on", ">"+secret, "~*", "+@all")
	k.do("ACL", "SETUSER", "alice", "<no"+secret)
	k.do("ACL", "SETUSER", "alice", secret)
	k.do("ACL", "LIST")
	k.do("ACL", "GETUSER", "alice")
	k.do("HELLO", "3", "AUTH", "alice", secret, "SETNAME", "w")
	k.do("HELLO", "3", "AUTH", secret)
	k.do("CONFIG", "GET", "masterauth")
	k.do("ACL", "GETUSER", "alice")
	k.do("MIGRATE", "127.0.0.1", "1", "k", "0", "10", "AUTH2", "u", secret)
	k.do("SLOWLOG", "GET", "100")
	k.say("auth alice \""+secret+"\"\r\nconfig set requirepass '"+secret+"'\r\n", 2)
	k.say(command("MULTI")+command("CONFIG", "GET", "requirepass")+command("ACL", "LIST")+command("EXEC"), 4)
	watcher := dial(t, relay.port())
	watcher.do("AUTH", "alice", secret)
	watcher.do("MONITOR")
	k.do("GET", "k")
	watcher.await(1)
	hashed := strings.TrimSpace(testkit.Run(t, "bash", "-c", "printf %s "+secret+" | sha256sum | cut -d' ' -f1"))
	raw, kept := 0, 0
	for i, steps := range relay.sessions() {
		sent, _ := redact(flow.Redaction{}, steps)
		raw += strings.Count(sent[0]+sent[1], secret) + strings.Count(sent[1], hashed)
		for how, steps := range map[string][]step{"at once": steps, "byte by byte": bytewise(steps)} {
			got, ok := redact(flow.Redaction{Authentication: true}, steps)
			if !ok {
				t.Fatalf("session %d, %s: the place was lost", i, how)
			}
			kept += len(got[0])
			for _, hidden := range []string{secret, hashed} {
				if at := strings.Index(got[0]+got[1], hidden); at >= 0 {
					t.Errorf("session %d, %s: a secret was kept: %q", i, how, (got[0] + got[1])[max(0, at-80):at+20])
				}
			}
		}
		ops, err := decode(flow.StatementsText, steps)
		for _, op := range ops {
			if line := fmt.Sprintf("%+v", *op); strings.Contains(line, secret) || strings.Contains(line, hashed) {
				t.Errorf("a secret was told: %s", summary(op))
			}
		}
		if err != nil {
			t.Error(err)
		}
	}
	if raw < 20 || kept == 0 {
		t.Errorf("%d secrets were planted; the test shows nothing", raw)
	}
}

// redis-cli writes inline as well as RESP, and asks for COMMAND DOCS when it starts by hand.
func TestCLI(t *testing.T) {
	server := testkit.Redis(t)
	relay := tap(t, server.Port)
	var in bytes.Buffer
	for i := range 5000 {
		fmt.Fprintf(&in, "SET key%d %d\r\n", i, i)
	}
	cmd := exec.Command(testkit.Program(t, "redis-cli"), "-p", strconv.Itoa(relay.port()), "--pipe")
	cmd.Stdin = &in
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "replies: 5000") {
		t.Fatalf("%v: %s", err, out)
	}
	testkit.Run(t, "redis-cli", "-3", "-n", "2", "-p", strconv.Itoa(relay.port()), "GET", "key1")
	var told, came int
	ops := decodeAll(t, relay.sessions())
	for _, op := range ops {
		told += int(op.FromClient)
	}
	for _, steps := range relay.sessions() {
		for _, st := range steps {
			if st.dir == flow.FromClient {
				came += len(st.b)
			}
		}
	}
	if blank := 2; came-told > blank || told > came { // ahead of the ECHO by which redis-cli knows the end
		t.Errorf("%d bytes in commands, %d were sent", told, came)
	}
	if n := count(summaries(ops), "GET text=GET key1 db=2 rows=0"); n != 1 {
		t.Errorf("%d times GET in database 2, in %q", n, summaries(ops)[len(ops)-4:])
	}
}

// The splitter's messages, put together, are the stream; each answer ends one command.
func TestSplitterOnServer(t *testing.T) {
	server := debugServer(t)
	relay := tap(t, server.Port)
	everything(t, relay.port())
	for i, steps := range relay.sessions() {
		var sent, given [2]bytes.Buffer
		commands, last := 0, 0
		sp := NewSplitter(1<<20, func(dir flow.Direction, m Message) error {
			given[dir].Write(m.Raw)
			if len(m.Command) > 0 && !m.Silent {
				commands++
			}
			if m.Last {
				last++
			}
			return nil
		})
		for _, st := range steps {
			sent[st.dir].Write(st.b)
			if err := sp.Data(st.dir, st.b); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(sent[0].Bytes(), given[0].Bytes()) || !bytes.Equal(sent[1].Bytes(), given[1].Bytes()) {
			t.Errorf("session %d: the messages are not the stream", i)
		}
		if commands != last || commands == 0 {
			t.Errorf("session %d: %d commands, %d answers", i, commands, last)
		}
	}
}
