package http

import (
	"errors"
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
	ok := s("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi") // 40 bytes
	return []talkCase{
		{"keep-alive", 0, []step{
			c("GET /users/42?page=2&sort=name HTTP/1.1\nHost: a\nUser-Agent: curl/8\n\n"), ok, c("HEAD / HTTP/1.1\n\n"), s("HTTP/1.1 200 OK\nContent-Length: 1000\n\n"),
			c("GET / HTTP/1.1\n\n"), s("HTTP/1.1 304 Not Modified\nContent-Length: 1000\n\n"), c("DELETE /a HTTP/1.1\n\n"), s("HTTP/1.1 204 No Content\n\n"),
		}, []string{"GET /users/??page=?&sort=? 200 app=curl/8 bytes=72/40", "HEAD / 200 bytes=19/41", "GET / 304 bytes=18/51", "DELETE /a 204 bytes=22/27"}},
		{"pipelined", text, []step{
			c("GET /1 HTTP/1.1\n\nPOST /2 HTTP/1.1\nContent-Length: 3\n\nabc\n\nGET /3 HTTP/1.1\n\n"), ok, ok, ok,
		}, []string{"GET /1 200 bytes=19/40", "POST /2 200 bytes=42/40", "GET /3 200 bytes=19/40"}},
		{"chunked", 0, []step{
			c("POST /up HTTP/1.1\nTransfer-Encoding: chunked\n\n5;a=b\nhello\nA\n0123456789\n0\nX-Sum: 1\n\n"), s("HTTP/1.1 500 Broken\nTransfer-Encoding: gzip, chunked\n\n3\nabc\n0\n\n"), c("GET / HTTP/1.1\n\n"), ok,
		}, []string{"POST /up 500 error=Broken bytes=93/70", "GET / 200 bytes=18/40"}},
		{"until the end", 0, []step{c("GET / HTTP/1.0\n\n"), s("HTTP/1.0 200 OK\n\nanything"), s(" at all")}, []string{"GET / 200 bytes=18/34"}},
		{"100-continue", 0, []step{
			c("PUT /x HTTP/1.1\nExpect: 100-continue\nContent-Length: 2\n\n"), s("HTTP/1.1 100 Continue\n\n"), c("hi"), s("HTTP/1.1 103 Early Hints\nLink: </a>\n\n"), ok, c("GET / HTTP/1.1\n\n"), ok,
		}, []string{"PUT /x 200 bytes=62/105", "GET / 200 bytes=18/40"}},
		{"answered before it was asked", 0, []step{c("PUT /x HTTP/1.1\nContent-Length: 4\n\nhi"), s("HTTP/1.1 413 Too Large\nContent-Length: 0\n\n"), c("ho")}, []string{"PUT /x 413 error=Too Large bytes=42/45"}},
		{"upgrade", text, []step{
			c("GET /ws HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\nAuthorization: Bearer abc\n\n"), s("HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n\x81\x02hi"), c("\x81\x82abcdxx"),
		}, []string{"GET /ws 101 kind=upgrade auth=bearer bytes=88/56"}},
		{"upgrade refused", 0, []step{c("GET /ws HTTP/1.1\nUpgrade: websocket\n\n"), ok, c("GET / HTTP/1.1\n\n"), ok}, []string{"GET /ws 200 bytes=40/40", "GET / 200 bytes=18/40"}},
		{"CONNECT", text, []step{c("CONNECT db:5432 HTTP/1.1\n\n"), s("HTTP/1.1 200 OK\n\nRaw"), c("\x00\x00\x00\x08")}, []string{"CONNECT db:5432 200 kind=upgrade bytes=28/19"}},
		{"CONNECT refused", 0, []step{c("CONNECT db:5432 HTTP/1.1\n\n"), s("HTTP/1.1 403 No\nContent-Length: 2\n\nno"), c("GET / HTTP/1.1\n\n"), ok}, []string{"CONNECT db:? 403 error=No bytes=28/40", "GET / 200 bytes=18/40"}},
		{"text without credentials", text, []step{c("GET http://u:pw@h:80/a?x=1&api_key=s3&to%6Ben=t%20t#f HTTP/1.1\nAuthorization: basic dTpw\n\n"), ok}, []string{"GET http://x:xx@x:00/a?x=1&api_key=xx&to%6Ben=xxxxx#f 200 auth=basic bytes=93/40"}},
		{"absolute", 0, []step{c("GET http://h/a/1 HTTP/1.1\n\n"), ok}, []string{"GET /a/? 200 bytes=29/40"}},
		{"folded, and line feeds alone", 0, []step{{0, []byte("GET / HTTP/1.1\nUser-Agent: a\n  b\n\n")}, ok}, []string{"GET / 200 app=a  b bytes=34/40"}},
		{"a length told twice", 0, []step{c("POST / HTTP/1.1\nContent-Length: 1, 1\nContent-Length: 1\n\nx"), ok}, []string{"POST / 200 bytes=61/40"}},
		{"both lengths", 0, []step{c("POST / HTTP/1.1\nContent-Length: 1\nTransfer-Encoding: chunked\n\n0\n\n"), ok}, []string{"POST / 200 bytes=71/40"}},
		{"unasked", 0, []step{s("HTTP/1.1 408 Timeout\nContent-Length: 0\n\n")}, []string{"  408 kind=notification error=Timeout bytes=0/43"}},
		{"unfinished", 0, []step{c("GET /a HTTP/1.1\n\nGET /b HTTP/1.1\nHo"), s("HTTP/1.1 200 OK\nContent-Length: 5\n\nhi")}, []string{"GET /a 200 unfinished=true bytes=19/40", "GET /b  unfinished=true bytes=19/0"}},
		{"off", flow.StatementsOff, []step{c("GET /a HTTP/1.1\n\n"), s("HTTP/1.1 404 Where is u\nContent-Length: 0\n\n")}, []string{"GET  404 error= bytes=19/46"}},
		{"long", text, []step{c("GET /" + strings.Repeat("a", 9000) + " HTTP/1.1\n\n"), ok}, []string{"GET /" + strings.Repeat("a", flow.OperationTextMax-1) + " 200 cut=true bytes=9018/40"}},
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

func TestDecoderRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		steps []step
		want  string
	}{
		"no request":         {[]step{c("*1\n$4\nPING\n")}, "no first line of HTTP/1"},
		"HTTP/2":             {[]step{c("PRI * HTTP/2.0\n\nSM\n\n")}, "HTTP/2, which is not read"},
		"no status":          {[]step{c("GET / HTTP/1.1\n\n"), s("HTTP/1.1 abc OK\n")}, "a status that is none"},
		"two lengths":        {[]step{c("POST / HTTP/1.1\nContent-Length: 1\nContent-Length: 2\n\n")}, "a Content-Length that is no number, or another one than before"},
		"no number":          {[]step{c("POST / HTTP/1.1\nContent-Length: +1\n\n")}, "a Content-Length that is no number"},
		"no chunk":           {[]step{c("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\nxyz\n")}, "in the size of a chunk"},
		"a wrong chunk":      {[]step{c("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n1\nab\n")}, "behind a chunk of the size that was told"},
		"another coding":     {[]step{c("POST / HTTP/1.1\nTransfer-Encoding: gzip\n\n")}, "does not end with chunked"},
		"an endless head":    {[]step{c("GET / HTTP/1.1\nA: " + strings.Repeat("b", headMax) + "\n\n")}, "bytes of a head"},
		"an unsent body":     {[]step{c("PUT / HTTP/1.1\nExpect: 100-continue\nContent-Length: 9\n\n"), s("HTTP/1.1 417 No\nContent-Length: 0\n\n"), c("GET / HTTP/1.1\n\n")}, "answered before it sent the body"},
		"too many questions": {[]step{c(strings.Repeat("GET / HTTP/1.1\n\n", waitingMax+1))}, "requests without a response"},
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

func TestShape(t *testing.T) {
	for target, want := range map[string]string{
		"/":                        "/",
		"/api/v1/users/123/orders": "/api/v1/users/?/orders",
		"/o/6f1c2a9e-1111-4222-8333-abcdefabcdef/x": "/o/?/x",
		"/o/deadbeef01":                 "/o/?",
		"/assets/app.3f2a91bc.js":       "/assets/app.?.js",
		"/reset/Ab12Cd34Ef56Gh78Ij90Kl": "/reset/?",
		"/u/alice@example.org":          "/u/?",
		"/a%20b":                        "/?",
		"/day/2024-01-02.csv":           "/day/?-?-?.csv",
		"/getUserByName":                "/getUserByName",
		"/a?b=1&c&42=x":                 "/a?b=?&c&?=?",
		"*":                             "*",
	} {
		if got := string(shape([]byte(target))); got != want {
			t.Errorf("%s is told as %s, want %s", target, got, want)
		}
	}
}

// A gap within a body is passed over; in a head what follows cannot be read.
func TestSkipped(t *testing.T) {
	var ops []*flow.Operation
	d := New(Config{Emit: func(op *flow.Operation) { ops = append(ops, op) }})
	steps := []struct {
		dir  flow.Direction
		text string
		gap  uint64
	}{
		{0, "POST / HTTP/1.1\nContent-Length: 1000\n\nabc", 997}, {1, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n10\n", 16}, {1, "\n0\n\n", 0},
		{0, "GET / HTTP/1.1\n\n", 0}, {1, "HTTP/1.1 200 OK\n\n", 5},
	}
	for _, st := range steps {
		if err := d.Data(st.dir, epoch(), crlf(st.text)); err != nil {
			t.Fatal(err)
		}
		if err := d.Skipped(st.dir, epoch(), st.gap); err != nil {
			t.Fatal(err)
		}
	}
	d.End(epoch())
	if len(ops) != 2 || ops[0].FromClient != 1041 || ops[0].FromBackend != 74 || ops[1].FromBackend != 24 || ops[1].Unfinished {
		t.Errorf("operations %q", summaries(ops))
	}
	if err := d.Skipped(flow.FromClient, epoch(), 1); err == nil || !strings.Contains(err.Error(), "passed unseen") {
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
	}{{0, c("POST / HTTP/1.1\nContent-Length: 2\n\n")}, {5, s("HTTP/1.1 100 Continue\n\n")}, {10, c("hi")}, {50, s("HTTP/1.1 200 OK\nContent-Le")}, {90, s("ngth: 1\n\nx")}} {
		if err := d.Data(p.step.dir, at(p.ms), p.step.b); err != nil {
			t.Fatal(err)
		}
	}
	if op == nil || !op.Started.Equal(epoch()) || op.Asked != 10*time.Millisecond || op.FirstByte != 50*time.Millisecond || op.LastByte != 90*time.Millisecond {
		t.Errorf("operation %+v", op)
	}
}

// TLS begins with the client's first bytes or not at all: what only looks like it is an error, and is not kept.
func TestEncrypted(t *testing.T) {
	for name, tc := range map[string]struct {
		steps     []step
		encrypted bool
		ok        bool
	}{
		"a hello":               {[]step{c("\x16\x03\x01\x02\x00"), s("\x16\x03\x03"), c("more")}, true, true},
		"the first byte of one": {[]step{c("\x16")}, false, true},
		"another byte behind":   {[]step{c("\x16GET / HTTP/1.1\n\n")}, false, false},
		"behind an empty line":  {[]step{c("\n\x16\x03\x01")}, false, false},
		"behind half of one":    {[]step{c("\r\x16\x03\x01")}, false, false},
		"behind a request":      {[]step{c("GET / HTTP/1.1\n\n\x16\x03\x01")}, false, false},
		"of the server":         {[]step{s("\x16\x03\x01")}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			for how, steps := range map[string][]step{"at once": tc.steps, "byte by byte": bytewise(tc.steps)} {
				d := New(Config{Emit: func(*flow.Operation) {}})
				var err error
				for _, st := range steps {
					err = errors.Join(err, d.Data(st.dir, epoch(), st.b))
				}
				if d.Encrypted() != tc.encrypted || (err == nil) != tc.ok {
					t.Errorf("%s: encrypted %v, error %v", how, d.Encrypted(), err)
				}
				if kept, ok := redact(flow.Redaction{Authentication: true, Parameters: true, Rows: true}, steps); ok != tc.ok {
					t.Errorf("%s: kept %q, %v", how, kept, ok)
				}
			}
		})
	}
}

// Bodies are counted, never kept: a gigabyte costs what a byte does.
func TestBodiesCostNothing(t *testing.T) {
	d := New(Config{Emit: func(*flow.Operation) {}})
	r := NewRedactor(flow.Redaction{Authentication: true})
	for _, st := range []step{c("POST / HTTP/1.1\nContent-Type: application/json\nContent-Length: 1000000000\n\n"), s("HTTP/1.1 200 OK\n\n")} {
		if err := d.Data(st.dir, epoch(), st.b); err != nil || !r.Redact(st.dir, st.b) {
			t.Fatal(err)
		}
	}
	piece := make([]byte, 32<<10)
	n := testing.AllocsPerRun(100, func() {
		for _, dir := range []flow.Direction{flow.FromClient, flow.FromBackend} {
			if d.Data(dir, epoch(), piece) != nil || !r.Redact(dir, piece) {
				t.Fail()
			}
		}
	})
	if n > 0 {
		t.Errorf("%v allocations for each piece", n)
	}
}

func BenchmarkDecoder(b *testing.B) {
	d := New(Config{Emit: func(*flow.Operation) {}})
	q := crlf("GET /api/v1/users/123 HTTP/1.1\nHost: localhost:8080\nUser-Agent: curl/8.5.0\nAccept: */*\n\n")
	a := crlf("HTTP/1.1 200 OK\nContent-Type: text/plain\nDate: Thu, 26 Nov 2026 05:00:00 GMT\nContent-Length: 2\n\nhi")
	at := epoch()
	b.ReportAllocs()
	for b.Loop() {
		_ = d.Data(flow.FromClient, at, q)
		_ = d.Data(flow.FromBackend, at, a)
	}
}
