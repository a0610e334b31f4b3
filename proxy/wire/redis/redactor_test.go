package redis

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// secret is planted wherever one may be.
const secret = "S3cr3tPlanted"

func hash() string { return strings.Repeat("0123456789abcdef", 4) }

type redactCase struct {
	name           string
	what           flow.Redaction
	steps          []step
	client, server string // what is kept; LF stands for CR LF. Empty: as it was sent
}

func redactCases() []redactCase {
	auth := flow.Redaction{Authentication: true}
	params, rows := flow.Redaction{Parameters: true}, flow.Redaction{Rows: true}
	x := strings.Repeat("x", len(secret))
	return []redactCase{
		{"AUTH", auth, []step{ask("AUTH", secret), s("-WRONGPASS invalid username-password pair or user is disabled.\n"), ask("auth", "alice", secret), s("+OK\n")},
			command("AUTH", x) + command("auth", "alice", x), ""},
		{"AUTH inline", auth, []step{c("auth " + secret + "\nAUTH \"al\\x41ce\" '" + secret + "'\n\"A\\x55TH\" " + secret + "\n")},
			"auth " + x + "\nAUTH \"xxxxxxxx\" '" + x + "'\n\"A\\x55TH\" " + x + "\n", ""},
		{"HELLO", auth, []step{ask("HELLO", "3", "SETNAME", "auth", "AUTH", "auth", secret), s("%0\n"), ask("HELLO", "3", "AUTH", secret), s("-ERR Syntax error in HELLO option '" + secret + "'\n"),
			c("HELLO 3 auth alice " + secret + " setname web\n")},
			command("HELLO", "3", "SETNAME", "auth", "AUTH", "auth", x) + command("HELLO", "3", "AUTH", x) + "HELLO 3 auth xxxxx " + x + " setname web\n", "%0\n-ERR Syntax error in HELLO option '" + x + "'\n"},
		{"ACL SETUSER", auth, []step{ask("ACL", "SETUSER", "alice", "on", "RESETPASS", ">"+secret, "<"+secret, "#"+hash(), "!"+hash(), "~*", "+@all", "(+get ~x)", secret, "onion"),
			s("-ERR Error in ACL SETUSER modifier '>" + secret + "': it's bad\n"), c("acl setuser alice on >" + secret + " \"\\x3e" + secret + "\" '>" + secret + "' ~* &*\n")},
			command("ACL", "SETUSER", "alice", "on", "RESETPASS", ">"+x, "<"+x, "#"+strings.Repeat("x", 64), "!"+strings.Repeat("x", 64), "~*", "+@all", "(+get ~x)", x, "xxxxx") +
				"acl setuser alice on >" + x + " \"xxxx" + x + "\" '>" + x + "' ~* &*\n", "-ERR Error in ACL SETUSER modifier 'x" + x + "'xxxx'xxxxx\n"},
		{"ACL answers", auth, []step{ask("ACL", "LIST"), tell("*1\r\n", bulk("user alice on #"+hash()+" ~* +@all")), ask("ACL", "GETUSER", "alice"), tell("*4\r\n$5\r\nflags\r\n*1\r\n$2\r\non\r\n", bulk("passwords"), "*1\r\n", bulk(hash())),
			ask("ACL", "GENPASS"), tell(bulk(hash())), ask("ACL", "GENPASS", "8"), tell(bulk("4f")), ask("ACL", "WHOAMI"), tell(bulk("alice")), ask("ACL", "DRYRUN", "alice", "AUTH", secret), s("+OK\n")},
			command("ACL", "LIST") + command("ACL", "GETUSER", "alice") + command("ACL", "GENPASS") + command("ACL", "GENPASS", "8") + command("ACL", "WHOAMI") + command("ACL", "DRYRUN", "alice", "AUTH", x),
			"*1\n$88\nuser alice on #" + strings.Repeat("x", 64) + " ~* +@all\n*4\n$5\nflags\n*1\n$2\non\n$9\npasswords\n*1\n$64\n" + strings.Repeat("x", 64) + "\n$64\n" + strings.Repeat("x", 64) + "\n$2\nxx\n$5\nalice\n+OK\n"},
		{"CONFIG", auth, []step{ask("config", "set", "maxmemory", "100mb", "RequirePass", secret, "masterauth", secret, "tls-key-file-pass", secret), s("+OK\n"), ask("CONFIG", "SET", "requirepass", secret, "x"), s("-ERR wrong number of arguments for 'config|set' command\n"),
			ask("CONFIG", "GET", "*"), tell("*6\r\n", bulk("maxmemory"), bulk("100"), bulk("requirepass"), bulk(secret), bulk("masteruser"), bulk("repl")), ask("CONFIG", "GET", "masterauth"), tell("%1\r\n", bulk("masterauth"), bulk(secret))},
			command("config", "set", "maxmemory", "100mb", "RequirePass", x, "masterauth", x, "tls-key-file-pass", x) + command("CONFIG", "SET", "requirepass", x, "x") + command("CONFIG", "GET", "*") + command("CONFIG", "GET", "masterauth"),
			"+OK\n-ERR wrong number of arguments for 'xxxxxxxxxx'xxxxxxxx\n*6\n$9\nmaxmemory\n$3\n100\n$11\nrequirepass\n$13\n" + x + "\n$10\nmasteruser\n$4\nrepl\n%1\n$10\nmasterauth\n$13\n" + x + "\n"},
		{"MIGRATE", auth, []step{ask("MIGRATE", "host", "6379", "", "0", "5000", "COPY", "AUTH", secret, "KEYS", "a", "b"), s("+OK\n"), ask("MIGRATE", "host", "6379", "AUTH", "0", "5000", "AUTH2", "u", secret), s("-IOERR '" + secret + "'\n"),
			ask("MIGRATE", "h", "1", "k", "0", "5", "AUTH2", secret)},
			command("MIGRATE", "host", "6379", "", "0", "5000", "COPY", "AUTH", x, "KEYS", "a", "b") + command("MIGRATE", "host", "6379", "AUTH", "0", "5000", "AUTH2", "u", x) + command("MIGRATE", "h", "1", "k", "0", "5", "AUTH2", x), "+OK\n-IOERR '" + x + "'\n"},
		{"SENTINEL and MODULE", auth, []step{ask("SENTINEL", "SET", "m", "auth-pass", secret), s("+OK\n"), ask("SENTINEL", "CONFIG", "SET", "sentinel-pass", secret), s("+OK\n"), ask("MODULE", "LOADEX", "/m.so", "CONFIG", "m.password", secret), s("+OK\n")},
			command("SENTINEL", "SET", "m", "auth-pass", x) + command("SENTINEL", "CONFIG", "SET", "sentinel-pass", x) + command("MODULE", "LOADEX", "/m.so", "CONFIG", "m.password", x), ""},
		{"within MULTI", auth, []step{{flow.FromClient, []byte(command("MULTI") + command("AUTH", secret) + command("CONFIG", "GET", "requirepass") + command("EXEC"))}, s("+OK\n+QUEUED\n+QUEUED\n*2\n+OK\n*2\n$11\nrequirepass\n$13\n" + secret + "\n")},
			command("MULTI") + command("AUTH", x) + command("CONFIG", "GET", "requirepass") + command("EXEC"), "+OK\n+QUEUED\n+QUEUED\n*2\n+OK\n*2\n$11\nrequirepass\n$13\n" + x + "\n"},
		{"MONITOR", auth, []step{ask("MONITOR"), s("+OK\n+1700000000.1 [0 127.0.0.1:5] \"config\" \"set\" \"requirepass\" \"" + secret + "\\\"" + secret + "\"\n+1700000000.1 [0 unix:/a b] \"AUTH\" \"" + secret + "\"\n+1700000000.1 [0 lua] \"get\" \"k\"\n")},
			"", "+OK\n+1700000000.1 [0 127.0.0.1:5] \"config\" \"set\" \"requirepass\" \"" + x + "xx" + x + "\"\n+1700000000.1 [0 unix:/a b] \"AUTH\" \"" + x + "\"\n+1700000000.1 [0 lua] \"get\" \"k\"\n"},
		{"SLOWLOG", auth, []step{ask("SLOWLOG", "GET"), tell("*1\r\n*6\r\n:1\r\n:2\r\n:3\r\n*4\r\n", bulk("CONFIG"), bulk("SET"), bulk("requirepass"), bulk(secret), bulk("127.0.0.1:5"), bulk(""))},
			"", "*1\n*6\n:1\n:2\n:3\n*4\n$6\nCONFIG\n$3\nSET\n$11\nrequirepass\n$13\n" + x + "\n$11\n127.0.0.1:5\n$0\n\n"},
		{"COMMANDLOG", auth, []step{ask("COMMANDLOG", "GET", "10", "slow"), tell("*1\r\n*6\r\n:1\r\n:2\r\n:3\r\n*2\r\n", bulk("AUTH"), bulk(secret), bulk("127.0.0.1:5"), bulk(""))},
			"", "*1\n*6\n:1\n:2\n:3\n*2\n$4\nAUTH\n$13\n" + x + "\n$11\n127.0.0.1:5\n$0\n\n"},
		{"authentication leaves data", auth, []step{ask("SET", "pass", "v"), s("+OK\n"), ask("HGETALL", "h"), tell("*2\r\n", bulk("password"), bulk("v")), ask("FOO", "x"), s("-ERR unknown command 'FOO', with args beginning with: 'x'\n"), ask("PSYNC", "?", "-1"), s("+FULLRESYNC"), s("data")}, "", ""},
		{"parameters", params, []step{ask("SET", secret, secret, "EX", "10"), s("+OK\n"), ask("OBJECT", "ENCODING", secret), tell(bulk("raw")), ask("SELECT", "3"), s("+OK\n"), ask("EVAL", secret, "0"), s("-ERR " + secret + "\n"), ask("FOO", secret), s("-ERR unknown command 'FOO', with args beginning with: '" + secret + "'\n"), ask("AUTH", "p"), s("+OK\n")},
			command("SET", x, x, "xx", "xx") + command("OBJECT", "ENCODING", x) + command("SELECT", "3") + command("EVAL", x, "x") + command("FOO", x) + command("AUTH", "p"),
			"+OK\n$3\nraw\n+OK\n-ERR " + x + "\n-ERR unknown command 'xxx'xxxxxxxxxxxxxxxxxxxxxxxxxxxx'" + x + "'\n+OK\n"},
		{"rows", rows, []step{ask("GET", "k"), tell(bulk(secret)), ask("HGETALL", "h"), s("%1\n$1\nf\n,12.5\n"), ask("X"), s("*5\n:-42\n+" + secret + "\n#t\n=7\ntxt:abc\n(99\n"), ask("GET", "k"), s("$-1\n"), ask("SET", "a", "b"), s("+OK\n"), ask("TYPE", "k"), s("+string\n"), ask("X"), s("-ERR " + secret + "\n"),
			ask("INFO"), tell(bulk("redis_version:7")), ask("SUBSCRIBE", "c"), s("*3\n$9\nsubscribe\n$1\nc\n:1\n*3\n$7\nmessage\n$1\nc\n$2\nhi\n")},
			"", "$13\n" + x + "\n%1\n$1\nx\n,00.0\n*5\n:-00\n+" + x + "\n#t\n=7\ntxt:xxx\n(00\n$-1\n+OK\n+xxxxxx\n-ERR " + x + "\n$15\nredis_version:7\n*3\n$9\nsubscribe\n$1\nx\n:1\n*3\n$7\nmessage\n$1\nx\n$2\nxx\n"},
		{"rows of MONITOR", rows, []step{ask("MONITOR"), s("+OK\n+17.1 [0 127.0.0.1:5] \"get\" \"" + secret + "\"\n"), ask("X"), s("+" + secret + "\n")}, "", "+OK\n+17.1 [0 127.0.0.1:5] \"get\" \"" + x + "\"\n+" + x + "\n"},
		{"rows of streams", rows, []step{ask("X"), s("*?\n$?\n;3\nabc\n;0\n|1\n+ttl\n:7\n+abc\n.\n")}, "", "*?\n$?\n;3\nxxx\n;0\n|1\n+xxx\n:0\n+xxx\n.\n"},
	}
}

func TestRedactor(t *testing.T) {
	for _, tc := range redactCases() {
		t.Run(tc.name, func(t *testing.T) {
			for how, steps := range map[string][]step{"at once": tc.steps, "byte by byte": bytewise(tc.steps)} {
				kept, ok := redact(tc.what, steps)
				if !ok {
					t.Fatalf("%s: the place was lost", how)
				}
				if strings.Contains(kept[0]+kept[1], secret) {
					t.Errorf("%s: a secret was kept", how)
				}
				for dir, want := range []string{tc.client, tc.server} {
					sent := ""
					for _, st := range tc.steps {
						if int(st.dir) == dir {
							sent += string(st.b)
						}
					}
					if want = strings.ReplaceAll(strings.ReplaceAll(want, "\r\n", "\n"), "\n", "\r\n"); want == "" {
						want = sent
					}
					if kept[dir] != want {
						t.Errorf("%s, %v:\nkept %q\nwant %q", how, flow.Direction(dir), kept[dir], want)
					}
					if len(kept[dir]) != len(sent) {
						t.Errorf("%s, %v: %d bytes kept of %d", how, flow.Direction(dir), len(kept[dir]), len(sent))
					}
				}
			}
		})
	}
}

// What was not kept leaves the redactor in its place only within a string.
func TestRedactorSkip(t *testing.T) {
	r := NewRedactor(flow.Redaction{Authentication: true})
	if !r.Redact(flow.FromClient, []byte("*2\r\n$3\r\nGET\r\n$100\r\n")) || !r.Skip(flow.FromClient, 100) || !r.Redact(flow.FromClient, []byte("\r\n")) {
		t.Error("lost within a string")
	}
	if r.Skip(flow.FromBackend, 1) || r.Redact(flow.FromClient, []byte("x")) || r.Redact(flow.FromBackend, []byte("x")) {
		t.Error("it goes on without knowing where it is")
	}
}

// TestRedactorSkipsAnywhere: whatever bytes of a command or an answer are missing, the name of the command or of the
// setting among them, no secret is kept.
func TestRedactorSkipsAnywhere(t *testing.T) {
	auth := flow.Redaction{Authentication: true}
	for _, tc := range redactCases() {
		for i, st := range tc.steps {
			if tc.what != auth || tc.name == "authentication leaves data" {
				continue
			}
			for from := range st.b {
				for _, n := range []int{1, 4, 9} {
					if from+n <= len(st.b) {
						skipAt(t, tc, i, from, n)
					}
				}
			}
		}
	}
}

func skipAt(t *testing.T, tc redactCase, step, from, n int) {
	t.Helper()
	r := NewRedactor(tc.what)
	for i, st := range tc.steps {
		b := bytes.Clone(st.b)
		var ok bool
		if i == step {
			ok = r.Redact(st.dir, b[:from]) && r.Skip(st.dir, uint64(n)) && r.Redact(st.dir, b[from+n:])
			clear(b[from : from+n])
		} else {
			ok = r.Redact(st.dir, b)
		}
		if !ok {
			return
		}
		if bytes.Contains(b, []byte(secret[6:])) || bytes.Contains(b, []byte(hash()[:20])) {
			t.Errorf("%s: without %d bytes at %d %q is kept of %q", tc.name, n, from, b, st.b)
		}
	}
}

// A replica's stream is all data.
func TestRedactorReplication(t *testing.T) {
	for what, want := range map[flow.Redaction]bool{
		{Authentication: true}:             true,
		{Rows: true}:                       false,
		{Authentication: true, Rows: true}: false,
	} {
		if _, ok := redact(what, []step{ask("SYNC"), s("$5\nREDIS")}); ok != want {
			t.Errorf("%+v: kept %v", what, ok)
		}
	}
}

func TestRedactorAnswered(t *testing.T) {
	r := NewRedactor(flow.Redaction{Authentication: true})
	if !r.Redact(flow.FromClient, []byte(command("PING"))) {
		t.Fatal("lost")
	}
	reply := []byte("-ERR no\r\n")
	r.Answered(14, reply)
	if string(reply) != "-ERR no\r\n" || !r.Redact(flow.FromClient, []byte(command("PING"))) || !r.Redact(flow.FromBackend, []byte("+PONG\r\n")) || r.Redact(flow.FromBackend, []byte("+PONG\r\n")) {
		t.Error("the answer was not taken as the command's")
	}
}

func BenchmarkRedactor(b *testing.B) {
	r := NewRedactor(flow.Redaction{Authentication: true})
	q, a := []byte(command("SET", "key:000000000001", "xxx")), []byte("+OK\r\n")
	b.ReportAllocs()
	for b.Loop() {
		r.Redact(flow.FromClient, q)
		r.Redact(flow.FromBackend, a)
	}
}
