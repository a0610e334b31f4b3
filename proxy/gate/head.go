package gate

import (
	"bytes"
	"strconv"
	"strings"
)

// head is what is read of a request's head.
type head struct {
	fields
	started   bool // the request line has been read
	minor     byte // of the version, '0' or '1'
	hasTarget bool
	target    authority // of an absolute target
	hasHost   bool
	host      string
	hasOrigin bool
	origin    string
	hasLength bool
	length    uint64
	chunked   bool
	upgrade   bool // to WebSocket
	expects   bool
}

// read takes what is there of a head. b begins at the same byte at every call. n is the head's length; 0 when more has
// to come.
func (h *head) read(b []byte) (n int, o *objection) {
	if !h.started {
		if h.next, o = h.request(b[:min(len(b), headMax)]); o != nil || h.next == 0 {
			return 0, o
		}
		h.started = true
	}
	return h.fields.read(b, h.field)
}

// request reads the request line; n is its length, 0 when more of it has to come.
func (h *head) request(b []byte) (n int, o *objection) {
	l, s := scanLine(b)
	switch {
	case s == never:
		return 0, notHTTP(b[:l.end+1])
	case s == whole && len(b) > l.end && b[l.end] != '\r', s == whole && len(b) > l.end+1 && b[l.end+1] != '\n':
		return 0, malformed("the HTTP request line does not end with CR LF: %s", quoteRequest(b[:l.end+1]))
	case s == whole && len(b) > l.end+1:
		return l.end + 2, h.start(b, l)
	case len(b) == headMax:
		return 0, malformed("an HTTP request line of more than %d bytes: %s", headMax, quoteRequest(b))
	}
	return 0, nil
}

// notHTTP says what came instead of a request, up to the byte that shows it.
func notHTTP(b []byte) *objection {
	switch {
	case b[0] == 0x16:
		return malformed("TLS where an HTTP service was expected; lodoor cannot look into it: " +
			"a service that speaks TLS itself is gate: off")
	case bytes.HasPrefix(b, []byte("PROXY ")):
		return malformed("a PROXY header, which this service is not set up to take (proxy_protocol): %s", quote(b))
	case bytes.HasPrefix(b, []byte("GET /")) && b[len(b)-1] < ' ':
		return malformed("an HTTP/0.9 request, or none: %s", quoteRequest(b))
	}
	return malformed("not an HTTP request: %s", quoteRequest(b))
}

// start judges the request line.
func (h *head) start(b []byte, l line) *objection {
	told := quoteRequest(b[:l.end])
	method, target := string(l.method), string(l.target)
	h.minor = l.minor
	switch {
	case l.major == '2' && method == "PRI":
		return malformed("HTTP/2, of which lodoor cannot see Host and Origin; use HTTP/1.1")
	case l.major != '1' || l.minor > '1':
		return malformed("an HTTP version other than 1.0 and 1.1: %s", told)
	case strings.EqualFold(method, "CONNECT"):
		return malformed("a request for a tunnel: %s", told)
	case strings.HasPrefix(target, "/"), target == "*" && method == "OPTIONS":
		return nil
	}
	scheme, rest, _ := strings.Cut(target, "://")
	scheme = strings.ToLower(scheme)
	end := strings.IndexAny(rest+"/", "/?#")
	h.target, h.hasTarget = parseAuthority(rest[:end], defaultPort(scheme))
	if defaultPort(scheme) == 0 || !h.hasTarget {
		return malformed("a request for something that is neither a path nor an HTTP address: %s", told)
	}
	return nil
}

// field judges a header by itself.
func (h *head) field(name, value string) *objection {
	switch name {
	case "host":
		if h.hasHost {
			return foreign("a second Host: %s after %s", quoteHost(value), quoteHost(h.host))
		}
		h.host, h.hasHost = value, true
	case "origin":
		if h.hasOrigin {
			return foreign("a second Origin: %s after %s", quoteHost(value), quoteHost(h.origin))
		}
		h.origin, h.hasOrigin = value, true
	case "content-length":
		return h.contentLength(value)
	case "transfer-encoding":
		if h.chunked || !strings.EqualFold(value, "chunked") {
			return malformed("a Transfer-Encoding other than chunked alone: %s", quote(value))
		}
		h.chunked = true
	case "upgrade":
		if h.upgrade || !strings.EqualFold(value, "websocket") {
			return malformed("a request to go over to a protocol that is not WebSocket alone (Upgrade: %s), into which "+
				"lodoor cannot look", quote(value))
		}
		h.upgrade = true
	case "expect":
		if h.expects || !strings.EqualFold(value, "100-continue") {
			return malformed("an Expect other than 100-continue: %s", quote(value))
		}
		h.expects = true
	}
	return nil
}

func (h *head) contentLength(value string) *objection {
	n, err := strconv.ParseUint(value, 10, 63)
	switch {
	case h.hasLength:
		return malformed("a second Content-Length: %s after %d", quote(value), h.length)
	case err != nil:
		return malformed("a Content-Length that is no number of bytes: %s", quote(value))
	}
	h.length, h.hasLength = n, true
	return nil
}

// judge judges what the lines say together. front is the port that the client reached.
func (h *head) judge(n *names, front uint16) *objection {
	switch {
	case h.chunked && h.hasLength:
		return malformed("both Content-Length and Transfer-Encoding, of which readers choose differently")
	case h.chunked && h.minor == '0':
		return malformed("Transfer-Encoding in an HTTP/1.0 request, which has none")
	case !h.hasHost && h.minor != '0':
		return foreign("an HTTP/1.1 request without Host")
	}
	if h.hasHost {
		if o := n.host(h.host, front); o != nil {
			return o
		}
	}
	if h.hasTarget {
		a, _ := parseAuthority(h.host, defaultPort("http"))
		switch {
		case !n.knows(h.target, front):
			return foreign("a request for %s, which is none of this service's hosts", quote(h.target.String()))
		case h.hasHost && a != h.target:
			return foreign("a request for %s with Host %s", quote(h.target.String()), quoteHost(h.host))
		}
	}
	if h.hasOrigin {
		return n.origin(h.origin, front)
	}
	return nil
}
