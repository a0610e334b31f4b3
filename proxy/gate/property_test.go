package gate

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

// streams draws what goes on on a connection: requests that are good, nearly good, or shaped to be read in two ways.
func streams() *rapid.Generator[string] {
	one := rapid.Custom(drawRequest)
	return rapid.Custom(func(t *rapid.T) string {
		s := strings.Join(rapid.SliceOfN(one, 1, 4).Draw(t, "requests"), "")
		for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "mutations") {
			i := rapid.IntRange(0, len(s)).Draw(t, "at")
			skip := rapid.IntRange(0, min(2, len(s)-i)).Draw(t, "skip")
			s = s[:i] + rapid.SampledFrom([]string{"", "\r", "\n", "\r\n", " ", "\t", ":", ";", "\x00", "0", "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n"}).Draw(t, "insert") + s[i+skip:]
		}
		return s
	})
}

func drawRequest(t *rapid.T) string {
	pick := func(of ...string) string { return rapid.SampledFrom(of).Draw(t, "part") }
	b := &strings.Builder{}
	b.WriteString(pick("", "", "", "\r\n") + pick("GET", "POST", "GET", "chicken") + " " +
		pick("/", "/", "/x?y", "http://localhost:62893/", "http://app.test/", "http://evil.test/") + " HTTP/1." + pick("1", "1", "1", "0") + "\r\n")
	for range rapid.IntRange(0, 2).Draw(t, "lines") {
		b.WriteString(pick("X: y\r\n", "Connection: keep-alive\r\n", "Connection: close\r\n", "Origin: http://localhost:62893\r\n",
			"Origin: http://evil.test\r\n", "Expect: 100-continue\r\n", "X:\r\n", "Upgrade: websocket\r\n"))
	}
	b.WriteString(pick(hostLine, hostLine, hostLine, "host:app.test\r\n", "Host: evil.test\r\n", ""))
	body := pick("", "hello", "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", "0\r\n\r\n")
	switch rapid.IntRange(0, 7).Draw(t, "framing") {
	case 0, 1:
		b.WriteString(pick("", "Content-Length: 0\r\n") + "\r\n")
	case 2, 3:
		b.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
	case 4, 5, 6:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		if body != "" {
			b.WriteString(strconv.FormatInt(int64(len(body)), 16) + pick("", ";a=b", ";") + "\r\n" + body + "\r\n")
		}
		b.WriteString(pick("0", "00", "0;x") + "\r\n" + pick("", "", "T: u\r\n") + "\r\n")
	default:
		b.WriteString(pick("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "Content-Length: +5\r\n", "Transfer-Encoding: x\r\n",
			"Content-Length: 4\r\nContent-Length: 5\r\n", "Content-Length : 5\r\n", "Transfer-Encoding:\r\n chunked\r\n") + "\r\n" + body)
	}
	return b.String()
}

// However the bytes are cut, the verdict is the same, and so is what passes, but for what was held beside what is
// refused: with more cuts more of the good beginning has passed.
func TestHTTPDoesNotDependOnCuts(t *testing.T) {
	g := web(t)
	rapid.Check(t, func(t *rapid.T) {
		s, eof := streams().Draw(t, "stream"), rapid.Bool().Draw(t, "eof")
		sameHoweverCut(t, g, s, cut(t, s), eof)
	})
}

func sameHoweverCut(t rapid.TB, g *Guard, s string, pieces []string, eof bool) {
	t.Helper()
	most := feed(t, g.Gate(front()), bytewise(s), eof)
	if !strings.HasPrefix(s, most.passed) {
		t.Fatalf("%q passed of %q", most.passed, s)
	}
	for _, pieces := range [][]string{pieces, {s}} {
		r := feed(t, g.Gate(front()), pieces, eof)
		switch {
		case (r.refuse == nil) != (most.refuse == nil), r.refuse != nil && *r.refuse != *most.refuse:
			t.Fatalf("%q: in %d pieces: %+v; byte by byte: %+v", s, len(pieces), r.refuse, most.refuse)
		case r.refuse == nil && r.passed != most.passed, !strings.HasPrefix(most.passed, r.passed):
			t.Fatalf("%q: in %d pieces passes %q; byte by byte: %q", s, len(pieces), r.passed, most.passed)
		}
	}
}

// judged is a request as the gate or net/http understands it.
type judged struct {
	host   authority
	origin string
}

// TestHTTPAgreesWithNetHTTP reads what passes with net/http: it finds the requests that the gate judged and no other.
func TestHTTPAgreesWithNetHTTP(t *testing.T) {
	g, several := web(t), 0
	rapid.Check(t, func(t *rapid.T) { several += agree(t, g, streams().Draw(t, "stream")) / 2 })
	if several == 0 {
		t.Error("no stream had more than one request; the test shows nothing")
	}
}

// agree returns how many requests passed.
func agree(t rapid.TB, g *Guard, stream string) int {
	t.Helper()
	passed, ours := follow(t, g, stream)
	theirs, err := netHTTP(passed)
	for i, r := range theirs {
		if i >= len(ours) || ours[i] != r {
			t.Fatalf("%q: net/http reads %+v, the gate judged %+v", stream, theirs, ours)
		}
		if !listed(g, r) {
			t.Fatalf("%q: net/http reads %+v", stream, r)
		}
	}
	if err == nil && len(theirs) != len(ours) {
		t.Fatalf("%q: net/http reads %+v, the gate judged %+v", stream, theirs, ours)
	}
	return len(ours)
}

// follow gives the gate byte after byte, and watches which heads it lets pass.
func follow(t rapid.TB, g *Guard, stream string) (passed string, heads []judged) {
	t.Helper()
	gate := g.Gate(front()).(*httpGate)
	var held []byte
	for i := range len(stream) {
		before := gate.head
		reading := gate.state == atRequest && before.started
		held = append(held, stream[i])
		a := gate.Inspect(held, false)
		if a.Refuse != nil || a.Done {
			return passed, heads
		}
		passed += string(held[:a.Pass])
		held = held[a.Pass:]
		if reading && a.Pass > 0 {
			host, _ := parseAuthority(before.host, 80)
			if before.hasTarget {
				host = before.target
			}
			heads = append(heads, judged{host, before.origin})
		}
	}
	return passed, heads
}

// netHTTP reads requests until there are no more. The error is not nil when net/http did not like what came next, or
// the body ended too soon: its server would close the connection there.
func netHTTP(s string) (list []judged, err error) {
	b := bufio.NewReader(strings.NewReader(s))
	for {
		for next, _ := b.Peek(2); bytes.Equal(next, []byte("\r\n")); next, _ = b.Peek(2) {
			_, _ = b.Discard(2) // they were peeked at
		}
		r, err := http.ReadRequest(b)
		if errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return list, err
		}
		host, _ := parseAuthority(r.Host, 80)
		list = append(list, judged{host, r.Header.Get("Origin")})
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return list, err
		}
	}
}

// listed says what the guard of the tests should let pass, in other words than the gate's.
func listed(g *Guard, r judged) bool {
	hosts := []string{"localhost:62893", "127.0.0.1:62893", "[::1]:62893", "shop:62893", ":80"} // the last: HTTP/1.0 without Host
	hosts = append(hosts, "app.test:80", "api.test:8080")
	host := slices.Contains(hosts, r.host.String()) || strings.HasPrefix(r.host.String(), "app.test:")
	return host && (r.origin == "" || r.origin == "http://localhost:62893" || g.names.origin(r.origin, frontPort) == nil)
}

// FuzzHTTP looks for bytes that net/http takes for a request that was not judged, for answers that depend on cuts, and
// for panics.
func FuzzHTTP(f *testing.F) {
	for _, s := range []string{
		request("Host: localhost:62893"), "\r\n" + request("Host: app.test", "Origin: http://localhost:62893"),
		"POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 5\r\n\r\nhello" + request("Host: localhost:62893"),
		"POST http://localhost:62893/ HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n" + request("Host: localhost:62893"),
		request("Host: localhost:62893", "Upgrade: websocket") + "\x81\x85abcdhello", "GET / HTTP/1.0\r\n\r\n" + request("Host: [::1]:62893"),
	} {
		f.Add(s, uint16(7))
	}
	g, err := New(Config{Protocol: "http", Service: "shop", Settings: Settings{Hosts: []string{"app.test"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string, size uint16) {
		agree(t, g, s)
		var pieces []string
		for rest := s; len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		sameHoweverCut(t, g, s, pieces, true)
	})
}

// A gate never holds more than a lane does: whatever comes, it passes or refuses before.
func TestHTTPHoldsLessThanALane(t *testing.T) {
	for name, endless := range map[string]string{"head": "X: y\r\n", "value": "y", "empty lines": "\r\n"} {
		start := request("Host: localhost:62893")
		start = start[:len(start)-2]
		if name == "value" {
			start += "X: "
		}
		if name == "empty lines" {
			start = ""
		}
		r := feed(t, web(t).Gate(front()), []string{start, strings.Repeat(endless, flow.GateMax/2/len(endless)), endless}, false)
		if (r.refuse != nil) != (name != "empty lines") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
