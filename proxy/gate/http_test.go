package gate

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// web is a guard of a service shop with some of everything on its lists.
func web(t testing.TB) *Guard {
	t.Helper()
	return guard(t, Config{Protocol: "http", Service: "Shop", Settings: Settings{
		Hosts:   []string{"app.test", "api.test:8080", "*.wild.test", "[fe80::1]:99"},
		Origins: []string{"https://page.example:8443", "https://plain.example", "dev.example", "chrome-extension://abcdef", "https://*.star.example"},
	}})
}

const hostLine = "Host: localhost:62893\r\n"

// request is a GET with these header lines.
func request(lines ...string) string {
	return "GET / HTTP/1.1\r\n" + strings.Join(append(lines, "", ""), "\r\n")
}

// passes checks that a stream passes whole, at once and byte by byte.
func passes(t *testing.T, g *Guard, at netip.AddrPort, name, stream string) {
	t.Helper()
	for _, pieces := range [][]string{{stream}, bytewise(stream)} {
		if r := feed(t, g.Gate(at), pieces, true); r.refuse != nil || r.passed != stream {
			t.Errorf("%s (%d pieces): %q: %+v, refused: %+v", name, len(pieces), stream, r, r.refuse)
		}
	}
}

// refused checks that a stream is refused for a reason, at once and byte by byte, and returns what passed of it in bytes.
func refused(t *testing.T, g *Guard, name, stream string, cause flow.Cause, want string) (passed string) {
	t.Helper()
	var reasons []string
	for _, pieces := range [][]string{{stream}, bytewise(stream)} {
		r := feed(t, g.Gate(front()), pieces, true)
		if r.refuse == nil {
			t.Errorf("%s (%d pieces): %q is not refused: %+v", name, len(pieces), stream, r)
			return r.passed
		}
		v := *r.refuse
		if v.Action != flow.Deny || v.Rule != "gate.http" || v.Cause != cause || !strings.Contains(v.Reason, want) {
			t.Errorf("%s (%d pieces): %+v, want %s: %s", name, len(pieces), v, cause, want)
		}
		if len(v.Reason) > 1200 || strings.ContainsFunc(v.Reason, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%s: not fit for a log: %q", name, v.Reason)
		}
		reasons, passed = append(reasons, v.Reason), r.passed
	}
	if reasons[0] != reasons[1] {
		t.Errorf("%s: the reason depends on the pieces: %q, %q", name, reasons[0], reasons[1])
	}
	return passed
}

func TestHTTPPasses(t *testing.T) {
	big := strings.Repeat("x", 300<<10)
	for name, stream := range map[string]string{
		"nothing":               "",
		"GET":                   request("Host: localhost:62893"),
		"HTTP/1.0 without Host": "GET / HTTP/1.0\r\n\r\n",
		"HTTP/1.0 with Host":    "GET / HTTP/1.0\r\nHost: 127.0.0.1:62893\r\n\r\n",
		"OPTIONS *":             "OPTIONS * HTTP/1.1\r\n" + hostLine + "\r\n",
		"absolute":              "GET http://LOCALHOST:62893/x?y HTTP/1.1\r\n" + hostLine + "\r\n",
		"absolute, no path":     "GET HTTP://localhost:62893?y HTTP/1.1\r\n" + hostLine + "\r\n",
		"custom method":         "CHICKEN /a HTTP/1.1\r\n" + hostLine + "\r\n",
		"empty line first":      "\r\n\r\n" + request("Host: localhost:62893"),
		"kept alive":            request("Host: localhost:62893") + request("Host: shop:62893", "Connection: close"),
		"length":                "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 5\r\n\r\nhello" + request("Host: [::1]:62893"),
		"length, empty line":    "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 5\r\n\r\nhello\r\n" + request("Host: [::1]:62893"),
		"length 0":              "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 0\r\n\r\n" + request("Host: [::1]:62893"),
		"a body like a request": "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 34\r\n\r\nGET / HTTP/1.1\r\nHost: evil.test\r\n\r" + request("Host: [::1]:62893"),
		"big body":              "PUT / HTTP/1.1\r\n" + hostLine + "Content-Length: 307200\r\n\r\n" + big + request("Host: [::1]:62893"),
		"a body cut off":        "PUT / HTTP/1.1\r\n" + hostLine + "Content-Length: 307200\r\n\r\nabc",
		"chunks":                "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n00A\r\n0123456789\r\n0\r\n\r\n" + request("Host: localhost:62893"),
		"chunk extensions":      "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\n5;a=\"b c\";d\r\nhello\r\n000;z\r\n\r\n" + request("Host: localhost:62893"),
		"trailer":               "POST / HTTP/1.1\r\n" + hostLine + "Trailer: Digest\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n0\r\nDigest: x\r\nMore: y\r\n\r\n" + request("Host: localhost:62893"),
		"big chunk":             "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\n4b000\r\n" + big + "\r\n0\r\n\r\n",
		"expect":                "POST / HTTP/1.1\r\n" + hostLine + "Expect: 100-Continue\r\nContent-Length: 2\r\n\r\nhi",
		"big head":              request("Host: localhost:62893", "X: "+strings.Repeat("y", headMax-100)),
		"odd values":            request("Host:localhost:62893", "X:", "Y: \t", "Z: \xff\xc3\xa4\t\"", "Upgrade-Insecure-Requests: 1"),
		"websocket refused":     request("Host: localhost:62893", "Upgrade: WebSocket", "Connection: Upgrade") + request("Host: localhost:62893"),
		"raw bytes in target":   "GET /\xff HTTP/1.1\r\n" + hostLine + "\r\n",
	} {
		passes(t, web(t), front(), name, stream)
	}
}

// Heads pass at once, so that a client that waits for "100 Continue" is not held up; bodies are never held.
func TestHTTPHoldsNothingBehindTheHead(t *testing.T) {
	g := web(t).Gate(front())
	for _, piece := range []string{
		"POST / HTTP/1.1\r\n" + hostLine + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", "he", "llo",
		"POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\n", "5;x\r\n", "he", "llo", "\r\n", "0\r\n", "\r\n",
	} {
		if a := g.Inspect([]byte(piece), false); a.Pass != len(piece) || a.Refuse != nil {
			t.Errorf("%q: %+v", piece, a)
		}
	}
}

func TestHTTPWebSocket(t *testing.T) {
	up := request("Host: localhost:62893", "Connection: Upgrade", "Upgrade: websocket")
	for name, frames := range map[string]string{
		"text":       "\x81\x85abcdhello",
		"fragment":   "\x01\x85abcdhello",
		"compressed": "\x41\xffGET / HTTP/1.1\r\n",
		"long":       "\x82\xfe\xff\xff\r\n\r\n\r\n",
	} {
		r := feed(t, web(t).Gate(front()), []string{up, frames[:1], frames[1:], "anything\r\n\n"}, true)
		if !r.done || r.passed != up+frames+"anything\r\n\n" {
			t.Errorf("%s: %+v", name, r)
		}
		passes(t, web(t), front(), name, up+frames)
	}
	body := "POST / HTTP/1.1\r\n" + hostLine + "Upgrade: websocket\r\nContent-Length: 4\r\n\r\n\x81\x85\x81\x85"
	refused(t, web(t), "a body is no frame", body+"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", flow.CauseHost, "evil.test")
	refused(t, web(t), "frames without an upgrade", request("Host: localhost:62893")+"\x81\x85abcdhello", flow.CauseProtocol, "not an HTTP request")
	refused(t, web(t), "one frame's chance", up+request("Host: localhost:62893")+"\x81\x85abcdhello", flow.CauseProtocol, "not an HTTP request")
	refused(t, web(t), "frames that are not masked", up+"\x81\x05hello", flow.CauseProtocol, "not an HTTP request")
	refused(t, web(t), "another host after it", up+request("Host: evil.test"), flow.CauseHost, "evil.test")
	refused(t, web(t), "a page from elsewhere", request("Host: localhost:62893", "Origin: http://evil.test", "Upgrade: websocket"), flow.CauseHost, "evil.test")
}

func TestHTTPHosts(t *testing.T) {
	for _, host := range []string{
		"localhost:62893", "LocalHost:62893", "localhost.:62893", "127.0.0.1:62893", "[::1]:62893", "[0:0::1]:62893", "shop:62893", "SHOP:62893",
		"shop.localhost:62893", "app.test", "app.test:1", "App.Test.:65535", "api.test:8080", "a.wild.test", "a.wild.test:5", "[fe80::1]:99",
	} {
		passes(t, web(t), front(), host, request("Host: "+host))
	}
	for host, want := range map[string]string{
		"":                        "is no host",
		"localhost":               "is none of this service's",
		"localhost:":              "is no host",
		"localhost:80":            "is none of this service's",
		"localhost:062893":        "is no host",
		"localhost:+62893":        "is no host",
		"localhost:62893:1":       "is no host",
		"localhost:99999":         "is no host",
		"localhost:0":             "is no host",
		"localhost..:62893":       "is no host",
		".localhost:62893":        "is no host",
		"::1:62893":               "is no host",
		"[::1]":                   "is none of this service's",
		"[::1]x:62893":            "is no host",
		"[::1%lo]:62893":          "is no host",
		"[127.0.0.1]:62893":       "is no host",
		"[::ffff:7f00:1]:1":       "is none of this service's",
		"x@localhost:62893":       "is no host",
		"localhost:62893/":        "is no host",
		"localhost:62893, b":      "is no host",
		"localhost:62893 b":       "is no host",
		"evil.test:62893":         "DNS rebinding",
		"localhost.evil.test":     "DNS rebinding",
		"xlocalhost:62893":        "DNS rebinding",
		"127.0.0.1.nip.io":        "DNS rebinding",
		"0x7f.1:62893":            "DNS rebinding",
		"wild.test":               "DNS rebinding",
		"a.b.wild.test":           "DNS rebinding",
		".wild.test":              "is no host",
		"api.test":                "DNS rebinding",
		"api.test:8081":           "DNS rebinding",
		"0.0.0.0:62893":           "0.0.0.0",
		"[::]:62893":              "0.0.0.0",
		"192.168.1.5:62893":       "is none of this service's",
		"b\u00fccher.test":        "is no host",
		"evil\x1b.test":           "",
		"127.0.0.2:62893":         "is none of this service's",
		"other.localhost:1":       "is none of this service's",
		"page.example:8443":       "DNS rebinding",
		"shop.localhost.:1":       "is none of this service's",
		strings.Repeat("a", 5000): `aaa"...`,
	} {
		cause := flow.CauseHost
		if host == "evil\x1b.test" {
			cause = flow.CauseProtocol
		}
		refused(t, web(t), host, request("Host: "+host), cause, want)
	}
	refused(t, web(t), "none", request("X: y"), flow.CauseHost, "without Host")
	refused(t, web(t), "two", request("Host: localhost:62893", "host: localhost:62893"), flow.CauseHost, "a second Host")
	refused(t, web(t), "HTTP/1.0", "GET / HTTP/1.0\r\nHost: evil.test\r\n\r\n", flow.CauseHost, "DNS rebinding")
}

// Port 80 is what a Host without a port means; before a Unix socket every port will do.
func TestHTTPHostsOfOtherFronts(t *testing.T) {
	g := guard(t, Config{Protocol: "http"})
	passes(t, g, netip.MustParseAddrPort("[::1]:80"), "port 80", request("Host: localhost")+request("Host: localhost:80", "Origin: http://localhost"))
	passes(t, g, netip.AddrPort{}, "Unix socket", request("Host: localhost")+request("Host: localhost:1234", "Origin: https://127.0.0.1:5"))
	if r := feed(t, g.Gate(netip.AddrPort{}), []string{request("Host: docker")}, false); r.refuse == nil {
		t.Error("another name passes at a Unix socket")
	}
}

func TestHTTPOrigins(t *testing.T) {
	for _, origin := range []string{
		"http://localhost:62893", "https://localhost:62893", "HTTP://LOCALHOST:62893", "http://127.0.0.1:62893", "http://[::1]:62893", "http://shop:62893",
		"http://app.test", "https://app.test:4", "http://a.wild.test", "http://api.test:8080", "https://page.example:8443", "https://plain.example",
		"https://plain.example:443", "http://dev.example", "https://dev.example:77", "chrome-extension://abcdef", "https://a.star.example",
	} {
		passes(t, web(t), front(), origin, request("Host: localhost:62893", "Origin: "+origin))
	}
	for _, origin := range []string{
		"", "null", "localhost:62893", "http://localhost", "https://localhost", "http://localhost:62893/", "http://evil.example", "http://evil.example:62893",
		"http://page.example:8443", "https://page.example", "http://plain.example", "ftp://localhost:62893", "file://", "chrome-extension://other",
		"http://dev.example.evil.example", "http://localhost:62893 http://evil.example", "http://x@localhost:62893", "://localhost:62893", "*",
		"https://star.example", "https://a.b.star.example", "https://a.star.example:8443", "ftp://dev.example", "http://0.0.0.0:62893",
	} {
		refused(t, web(t), origin, request("Host: localhost:62893", "Origin: "+origin), flow.CauseHost, "a page from elsewhere")
	}
	refused(t, web(t), "two", request("Host: localhost:62893", "Origin: http://localhost:62893", "Origin: http://localhost:62893"), flow.CauseHost, "a second Origin")
	refused(t, web(t), "HTTP/1.0", "GET / HTTP/1.0\r\nOrigin: http://evil.example\r\n\r\n", flow.CauseHost, "a page from elsewhere")

	open := guard(t, Config{Protocol: "http", Settings: Settings{Origins: []string{"null"}}})
	passes(t, open, front(), "null", request("Host: localhost:62893", "Origin: null"))
	refused(t, open, "null is not all", request("Host: localhost:62893", "Origin: http://evil.example"), flow.CauseHost, "evil.example")
	all := guard(t, Config{Protocol: "http", Settings: Settings{Origins: []string{"*"}}})
	passes(t, all, front(), "all", request("Host: localhost:62893", "Origin: null")+request("Host: localhost:62893", "Origin: http://evil.example"))
}

// Each request of a connection is judged, wherever it is.
func TestHTTPJudgesEachRequest(t *testing.T) {
	good, bad := request("Host: localhost:62893"), request("Host: evil.test")
	for name, before := range map[string]string{
		"first":        "",
		"second":       good,
		"after length": "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 5\r\n\r\nhello",
		"after chunks": "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"after many":   strings.Repeat(good, 50),
		"after 1.0":    "GET / HTTP/1.0\r\n\r\n",
		"after close":  request("Host: localhost:62893", "Connection: close"),
	} {
		if passed := refused(t, web(t), name, before+bad+good, flow.CauseHost, "evil.test"); passed != before {
			t.Errorf("%s: passed %q, want %q", name, passed, before)
		}
	}
}
