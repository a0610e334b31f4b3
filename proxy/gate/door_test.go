package gate

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

func databases() []string { return []string{"postgres", "mysql", "redis", "mongodb", "memcached"} }

// What real clients send first passes at once, all of it.
func TestDoorPassesClients(t *testing.T) {
	for name, first := range map[string]string{
		"RESP":                      "*1\r\n$4\r\nPING\r\n",
		"RESP, HELLO":               "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n",
		"inline PING":               "PING\r\n",
		"inline GET":                "GET foo\r\n",
		"inline GET, LF alone":      "GET foo\n",
		"inline SET":                "SET key some HTTP/1.1\r\n",
		"inline, path-like":         "GET / HTTP\r\n",
		"postgres SSLRequest":       "\x00\x00\x00\x08\x04\xd2\x16\x2f",
		"postgres startup":          "\x00\x00\x00\x2a\x00\x03\x00\x00user\x00postgres\x00\x00",
		"postgres direct TLS":       "\x16\x03\x01\x02\x00\x01",
		"mysql login":               "\x54\x00\x00\x01\x8d\xa6\xff\x19",
		"mysql login, tab of GET":   "G\x00\x00\x01\x8d\xa6\xff\x19",
		"mongodb hello":             "\x41\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00",
		"memcached get":             "get foo\r\n",
		"memcached set":             "set foo 0 0 3\r\nbar\r\n",
		"memcached multi-get":       "get foo bar\r\n",
		"memcached binary":          "\x80\x0b\x00\x00",
		"memcached meta":            "mg foo v\r\n",
		"two spaces":                "GET  / HTTP/1.1\r\n",
		"only the method's half":    "GE\x00",
		"not a version":             "GET / HTTP/x.1\r\n",
		"a target with a control":   "GET /\x01 HTTP/1.1\r\n",
		"a method that is no token": "GE(T / HTTP/1.1\r\n",
	} {
		for _, protocol := range databases() {
			r := feed(t, guard(t, Config{Protocol: protocol}).Gate(front()), []string{first}, false)
			if !r.done || r.calls != 1 || r.passed != first {
				t.Errorf("%s at %s: %+v", name, protocol, r)
			}
		}
	}
}

// A client that sends part of a command and waits is let wait; at its end everything passes.
func TestDoorHoldsOnlyBeginnings(t *testing.T) {
	for _, part := range []string{"P", "PING", "GET ", "GET foo", "GET / HTTP/1.", "\r\n", "patch /x HTT"} {
		g := guard(t, Config{Protocol: "redis"}).Gate(front())
		if a := g.Inspect([]byte(part), false); a.Done || a.Pass != 0 || a.Refuse != nil {
			t.Errorf("%q: %+v", part, a)
		}
		if a := g.Inspect([]byte(part), true); !a.Done {
			t.Errorf("%q at the end: %+v", part, a)
		}
	}
}

func TestDoorRefusesHTTP(t *testing.T) {
	const fields = "Host: %s\r\nOrigin: http://evil.example\r\n\r\n"
	for _, tc := range []struct{ name, sent, want string }{
		{"a page's POST", "POST / HTTP/1.1\r\n" + fmt.Sprintf(fields, "localhost:6379"),
			`a cross-protocol HTTP request sent to a redis service: "POST / HTTP/1.1", Host "localhost:6379", Origin "http://evil.example"`},
		{"an address", "GET /x HTTP/1.1\r\nHost: 192.168.1.5:6379\r\n\r\n", `a cross-protocol HTTP request sent to a redis service: "GET /x HTTP/1.1", Host "192.168.1.5:6379"`},
		{"IPv6", "GET /x HTTP/1.1\r\nHost: [::1]:6379\r\n\r\n", `a cross-protocol HTTP request`},
		{"localhost's children", "GET /x HTTP/1.1\r\nHost: app.LOCALHOST.:6379\r\n\r\n", `a cross-protocol HTTP request`},
		{"rebinding", "GET / HTTP/1.1\r\n" + fmt.Sprintf(fields, "evil.example:6379"), "(DNS rebinding), sent to a redis service"},
		{"0.0.0.0", "GET / HTTP/1.1\r\n" + fmt.Sprintf(fields, "0.0.0.0:6379"), "an HTTP request by way of 0.0.0.0 sent to"},
		{"[::]", "GET / HTTP/1.1\r\n" + fmt.Sprintf(fields, "[::]:6379"), "an HTTP request by way of 0.0.0.0 sent to"},
		{"lower case", "patch / HTTP/1.1\r\n\r\n", `"patch / HTTP/1.1"`},
		{"any token", "CHICKEN / HTTP/1.1\r\n\r\n", `"CHICKEN / HTTP/1.1"`},
		{"a token like RESP", "*1 / HTTP/1.1\r\n\r\n", `"*1 / HTTP/1.1"`},
		{"odd token", "!#$%&'*+-.^_`|~09az / HTTP/1.1\r\n\r\n", "a cross-protocol HTTP request"},
		{"absolute", "GET http://localhost:6379/ HTTP/1.1\r\n\r\n", `"GET http://localhost:6379/ HTTP/1.1"`},
		{"asterisk", "OPTIONS * HTTP/1.1\r\n", "cross-protocol"},
		{"tunnel", "CONNECT localhost:6379 HTTP/1.1\r\n", "cross-protocol"},
		{"HTTP/1.0", "GET / HTTP/1.0\r\n", "cross-protocol"},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "an HTTP/2.0 request sent to"},
		{"LF alone", "GET / HTTP/1.1\nHost: evil.example\n\n", "(DNS rebinding)"},
		{"empty lines first", "\r\n\r\n\nGET / HTTP/1.1\r\n", "cross-protocol"},
		{"no line end", "GET / HTTP/1.1", "cross-protocol"},
		{"raw bytes in the target", "GET /\xc3\xa4\xff HTTP/1.1\r\n", `"GET /\u00e4\xff HTTP/1.1"`},
		{"colour", "GET / HTTP/1.1\r\nHost: a\x1b[31mb\u202e\u2028\r\n", `Host "a\x1b[31mb\u202e\u2028"`},
		{"long", "GET /" + strings.Repeat("a", 5000) + " HTTP/1.1\r\n", `aaa"...`},
		{"longer than it may be", "GET /" + strings.Repeat("a", lineMax), "the first 8192 bytes could all begin an HTTP request"},
		{"empty lines without end", strings.Repeat("\r\n", lineMax/2), "the first 8192 bytes could all begin"},
	} {
		r := feed(t, guard(t, Config{Protocol: "redis"}).Gate(front()), []string{tc.sent}, false)
		if r.refuse == nil || r.passed != "" {
			t.Errorf("%s: %+v", tc.name, r)
			continue
		}
		v := *r.refuse
		if v.Action != flow.Deny || v.Rule != "gate.redis" || v.Cause != flow.CauseProtocol || !strings.Contains(v.Reason, tc.want) {
			t.Errorf("%s: %+v, want %s", tc.name, v, tc.want)
		}
		if len(v.Reason) > 1000 || strings.ContainsFunc(v.Reason, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%s: not fit for a log: %q", tc.name, v.Reason)
		}
	}
}

// firsts draws what begins like HTTP, or nearly, or not at all.
func firsts() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		if rapid.Bool().Draw(t, "raw") {
			return string(rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "bytes"))
		}
		var b strings.Builder
		for _, part := range [][]string{
			{"", "", "\r\n", "\n", "\r"}, {"GET", "patch", "*1", "$3", "", "set", "\x00\x01"}, {" ", " ", "  ", "\t", "\r\n"},
			{"/", "foo", "http://x/", "", "*"}, {" ", " ", "\r\n", "\n"}, {"HTTP/1.1", "HTTP/2.0", "HTTP/", "bar", "http/1.1", "HTTP/1.x"},
			{"\r\n", "\n", "", "x"}, {"Host: x\r\n\r\n", ""},
		} {
			b.WriteString(rapid.SampledFrom(part).Draw(t, "part"))
		}
		return b.String()
	})
}

// However the bytes are cut, the answer is the same; and a stream passes whole or not at all.
func TestDoorDoesNotDependOnCuts(t *testing.T) {
	g := guard(t, Config{Protocol: "memcached"})
	rapid.Check(t, func(t *rapid.T) {
		s := firsts().Draw(t, "stream")
		eof := rapid.Bool().Draw(t, "eof")
		once := feed(t, g.Gate(front()), []string{s}, eof)
		for _, pieces := range [][]string{bytewise(s), cut(t, s)} {
			r := feed(t, g.Gate(front()), pieces, eof)
			if (r.refuse == nil) != (once.refuse == nil) || r.passed != once.passed || r.done != once.done {
				t.Fatalf("%q in %q: %+v; at once: %+v", s, pieces, r, once)
			}
			if r.passed != "" && r.passed != s || r.refuse != nil && r.passed != "" {
				t.Fatalf("%q: passed %q", s, r.passed)
			}
		}
		if eof && !once.done && once.refuse == nil {
			t.Fatalf("%q: held for ever", s)
		}
	})
}

func TestNoGate(t *testing.T) {
	for _, protocol := range []string{"", "auto", "smtp"} {
		if g := guard(t, Config{Protocol: protocol}); g != nil || g.Gate(front()) != nil {
			t.Errorf("%q has a gate", protocol)
		}
	}
}

func TestGateIsOneAllocation(t *testing.T) {
	for _, protocol := range append(databases(), "http") {
		g, first := guard(t, Config{Protocol: protocol}), []byte("*1\r\n$4\r\nPING\r\n")
		n := testing.AllocsPerRun(100, func() {
			if gate := g.Gate(front()); protocol != "http" && !gate.Inspect(first, false).Done {
				t.Fatal("not done")
			}
		})
		if n > 1 {
			t.Errorf("%s: %v allocations", protocol, n)
		}
	}
}

func FuzzDoor(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\nHost: x\r\n\r\n", uint8(3))
	f.Add("*1\r\n$4\r\nPING\r\n", uint8(1))
	g, err := New(Config{Protocol: "redis"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string, size uint8) {
		once := feed(t, g.Gate(front()), []string{s}, true)
		var pieces []string
		for n := int(size) + 1; len(s) > 0; {
			n = min(n, len(s))
			pieces, s = append(pieces, s[:n]), s[n:]
		}
		r := feed(t, g.Gate(front()), pieces, true)
		if r.passed != once.passed || (r.refuse == nil) != (once.refuse == nil) {
			t.Fatalf("%+v; at once: %+v", r, once)
		}
	})
}
