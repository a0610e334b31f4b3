package http

import (
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// secret is planted wherever one may be.
const secret = "S3cr3tPlanted"

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
	form := "Content-Type: application/x-www-form-urlencoded\n"
	return []redactCase{
		{"fields", auth, []step{c("GET / HTTP/1.1\nHost: a\nAuthorization: Bearer " + secret + "\nproxy-authorization:basic " + secret + "==\nCookie: sid=" + secret + "; b=" + secret + "\nX-Api-Key:\t" + secret + "\nX-Auth-Token: " + secret +
			"\nAuthorization: " + secret + "\nX-Amz-Security-Token: " + secret + "\nAccept: */*\n\n"), s("HTTP/1.1 200 OK\nSet-Cookie: sid=" + secret + "; Path=/\nWWW-Authenticate: Basic realm=\"a\"\nContent-Length: 0\n\n")},
			"GET / HTTP/1.1\nHost: a\nAuthorization: Bearer " + x + "\nproxy-authorization:basic " + x + "==\nCookie: xxx=" + x + "; x=" + x + "\nX-Api-Key:\t" + x + "\nX-Auth-Token: " + x + "\nAuthorization: S" + x[1:] + "\nX-Amz-Security-Token: " + x + "\nAccept: */*\n\n",
			"HTTP/1.1 200 OK\nSet-Cookie: xxx=" + x + "; xxxx=x\nWWW-Authenticate: Basic realm=\"a\"\nContent-Length: 0\n\n"},
		{"other spellings", auth, []step{{0, []byte("GET / HTTP/1.1\nAUTHORIZATION : Basic " + secret + "\r\nAuthorization: Digest\r\n  username=\"" + secret + "\",\r\n\t" + secret + "\nAuthorization\r\n " + secret + "\n" + strings.Repeat("a", 70) + ": " + secret + "\n\n")}},
			"", ""},
		{"targets", auth, []step{c("GET http://al:" + secret + "@host:80/p;jsessionid=" + secret + "?a=b&access_token=" + secret + "&p%61ssword=" + secret + "&u=http%3A%2F%2Fh%3Ftoken%3D" + secret + "&c=d#id_token=" + secret + " HTTP/1.1\nReferer: http://h/?q=1&code=" + secret + "\n\n"),
			s("HTTP/1.1 302 Found\nLocation: https://u:" + secret + "@h/cb?code=" + secret + "&state=1\nContent-Length: 0\n\n")},
			"GET http://xx:x0xx0xxxxxxxx@xxxx:00/p;jsessionid=" + x + "xxxx&access_token=" + x + "&p%61ssword=" + x + "&u=http%3A%2F%2Fh%3Ftoken%3D" + x + "&c=d#id_token=" + x + " HTTP/1.1\nReferer: http://x/?q=1&code=" + x + "\n\n",
			"HTTP/1.1 302 Found\nLocation: https://x:x0xx0xxxxxxxx@x/cb?code=" + x + "&state=1\nContent-Length: 0\n\n"},
		{"forms and JSON", auth, []step{c("POST / HTTP/1.1\n" + form + "Transfer-Encoding: chunked\n\n9\nuser=al&p\n7\nassword\n12\n=" + secret + "&x=y\n0\nX-Token: " + secret + "\n\n"),
			s("HTTP/1.1 200 OK\nContent-Type: application/json\n\n{\"a\":1,\"access_token\" : \"" + secret + "\\\"" + secret + "\",\"pin\":1234,\"password\":{\"v\":[\"" + secret + "\"]},\"b\":\"token\"}")},
			"POST / HTTP/1.1\n" + form + "Transfer-Encoding: chunked\n\n9\nuser=al&p\n7\nassword\n12\n=" + x + "&x=y\n0\nX-Token: " + x + "\n\n",
			"HTTP/1.1 200 OK\nContent-Type: application/json\n\n{\"a\":1,\"access_token\" : \"" + x + "xx" + x + "\",\"pin\":0000,\"password\":{\"x\":[\"" + x + "\"]},\"b\":\"token\"}"},
		{"forms in parts", auth, []step{c("POST / HTTP/1.1\nContent-Type: multipart/form-data; boundary=\"-b\"\nContent-Length: 244\n\n" +
			"---b\nContent-Disposition: form-data; name=\"user\"\n\npassword\n---b\nContent-Disposition: form-data; name=\"PassWord\"\nContent-Type: text/plain\n\n" + secret + "\n" + secret + "\n--\n---b\nContent-Disposition: form-data; name=\"x\"\n\nopen\n---b--\n")},
			"POST / HTTP/1.1\nContent-Type: multipart/form-data; boundary=\"-b\"\nContent-Length: 244\n\n" +
				"---b\nContent-Disposition: form-data; name=\"user\"\n\npassword\n---b\nContent-Disposition: form-data; name=\"PassWord\"\nContent-Type: text/plain\n\n" + x + "\n" + x + "\n--\n---b\nContent-Disposition: form-data; name=\"x\"\n\nopen\n---b--\n", ""},
		{"forms in parts that nobody can tell apart", auth, []step{c("POST / HTTP/1.1\nContent-Type: multipart/form-data\nContent-Length: 13\n\n" + secret)},
			"POST / HTTP/1.1\nContent-Type: multipart/form-data\nContent-Length: 13\n\n" + x, ""},
		{"authentication leaves data", auth, []step{c("POST /a?b=c HTTP/1.1\nContent-Length: 5\n\nhello"), s("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi"), c("GET /ws HTTP/1.1\nUpgrade: websocket\n\n"), s("HTTP/1.1 101 S\n\nanything"), c("more")}, "", ""},
		{"parameters", params, []step{c("POST /a?b=" + secret + "&c#d HTTP/1.1\nAuthorization: Basic abc\nContent-Length: 13\n\n" + secret), s("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi")},
			"POST /a?b=xxxxxxxxxxxxx&c#d HTTP/1.1\nAuthorization: Basic abc\nContent-Length: 13\n\n" + x, ""},
		{"rows", rows, []step{c("HEAD / HTTP/1.1\n\nGET / HTTP/1.1\n\n"), s("HTTP/1.1 200 OK\nContent-Length: 99\n\nHTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nd\n" + secret + "\n0\n\n")},
			"", "HTTP/1.1 200 OK\nContent-Length: 99\n\nHTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nd\n" + x + "\n0\n\n"},
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
					t.Errorf("%s: a secret was kept: %q", how, kept)
				}
				for dir, want := range []string{tc.client, tc.server} {
					sent := ""
					for _, st := range tc.steps {
						if int(st.dir) == dir {
							sent += string(st.b)
						}
					}
					if want = string(crlf(want)); want == "" {
						want = sent
					}
					if len(kept[dir]) != len(sent) {
						t.Errorf("%s, %v: %d bytes kept of %d", how, flow.Direction(dir), len(kept[dir]), len(sent))
					}
					if kept[dir] != want && tc.name != "other spellings" {
						t.Errorf("%s, %v:\nkept %q\nwant %q", how, flow.Direction(dir), kept[dir], want)
					}
				}
			}
		})
	}
}

// Behind a gap in a body nothing of it is taken for open; behind one in a head nothing is kept.
func TestRedactorSkip(t *testing.T) {
	r := NewRedactor(flow.Redaction{Authentication: true})
	head := crlf("POST / HTTP/1.1\nContent-Type: application/json\nContent-Length: 30\n\n{\"a\":\"b\",")
	rest := []byte("open again to")
	if !r.Redact(flow.FromClient, head) || !r.Skip(flow.FromClient, 8) || !r.Redact(flow.FromClient, rest) {
		t.Fatal("lost within a body")
	}
	if string(rest) != "xxxxxxxxxxxxx" {
		t.Errorf("kept %q", rest)
	}
	if r.Skip(flow.FromBackend, 1) || r.Redact(flow.FromClient, []byte("x")) || r.Redact(flow.FromBackend, []byte("x")) {
		t.Error("it goes on without knowing where it is")
	}
}

// Another protocol cannot be redacted: it is kept only where nothing of bodies is to be overwritten.
func TestRedactorUpgrade(t *testing.T) {
	for what, want := range map[flow.Redaction]bool{
		{Authentication: true}: true, {Rows: true}: false, {Authentication: true, Parameters: true}: false,
	} {
		steps := []step{c("CONNECT a:1 HTTP/1.1\n\n"), s("HTTP/1.1 200 OK\n\n"), c("raw"), s("raw")}
		if _, ok := redact(what, steps); ok != want {
			t.Errorf("%+v: kept %v", what, ok)
		}
	}
}

// TestRedactorHTTP2: what is said in HTTP/2 has secrets that nobody finds.
func TestRedactorHTTP2(t *testing.T) {
	steps := []step{c("GET / HTTP/1.1\nUpgrade: h2c\n\n"), s("HTTP/1.1 101 Switching Protocols\nUpgrade: h2c\n\nraw"), c("raw")}
	if _, ok := redact(flow.Redaction{Authentication: true}, steps); ok {
		t.Error("it is kept")
	}
}

func TestRedactorAnswered(t *testing.T) {
	r := NewRedactor(flow.Redaction{Authentication: true})
	reply := crlf("HTTP/1.1 403 No\nSet-Cookie: a=b\nContent-Length: 0\n\n")
	before := string(reply)
	if !r.Redact(flow.FromClient, crlf("HEAD / HTTP/1.1\n\n")) {
		t.Fatal("lost")
	}
	if r.Answered(19, reply); string(reply) != before || len(r.queue.waiting) != 0 {
		t.Error("the answer was changed, or not taken as the request's")
	}
}

func BenchmarkRedactor(b *testing.B) {
	r := NewRedactor(flow.Redaction{Authentication: true})
	q := crlf("GET /api/v1/users/123 HTTP/1.1\nHost: localhost:8080\nUser-Agent: curl/8.5.0\nAccept: */*\n\n")
	a := crlf("HTTP/1.1 200 OK\nContent-Type: text/plain\nDate: Thu, 26 Nov 2026 05:00:00 GMT\nContent-Length: 2\n\nhi")
	b.ReportAllocs()
	for b.Loop() {
		r.Redact(flow.FromClient, q)
		r.Redact(flow.FromBackend, a)
	}
}
