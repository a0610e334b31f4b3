package gate

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// lineMax is how long a request line may be before the door takes it for one without having seen its end.
const lineMax = 8 << 10

// door lets everything through but HTTP. It looks at the first bytes only, and holds them only while they are the
// beginning of a request line: of a database's client the first packet decides.
type door struct{ guard *Guard }

// Inspect implements [flow.Gate].
func (d *door) Inspect(held []byte, eof bool) flow.GateAnswer {
	// Servers skip empty lines before a request (RFC 9112, 2.2).
	request := bytes.TrimLeft(held, "\r\n")
	skipped := len(held) - len(request)
	l, s := scanLine(request)
	switch {
	case s == whole && skipped+l.end <= lineMax:
		return d.guard.refuse(d.objection(request, l))
	case s == never && skipped+l.end < lineMax:
		return flow.GateAnswer{Done: true}
	case len(held) >= lineMax:
		return d.guard.refuse(malformed("the first %d bytes could all begin an HTTP request, which a %s service "+
			"is not sent: %s", lineMax, d.guard.protocol, quoteRequest(held)))
	}
	return flow.GateAnswer{Done: eof}
}

// objection says what the request is, as far as it has come.
func (d *door) objection(request []byte, l line) *objection {
	fields := request[l.end:]
	host, hasHost := look(fields, "host")
	told := quoteRequest(request[:l.end])
	if hasHost {
		told += ", Host " + quoteHost(host)
	}
	if origin, ok := look(fields, "origin"); ok {
		told += ", Origin " + quoteHost(origin)
	}
	return malformed("%s sent to a %s service: %s", d.what(l, host, hasHost), d.guard.protocol, told)
}

// what names the request by what browsers are made to send.
func (d *door) what(l line, host string, hasHost bool) string {
	a, ok := parseAuthority(host, 80)
	switch {
	case l.major != '1':
		return fmt.Sprintf("an HTTP/%c.%c request", l.major, l.minor)
	case hasHost && ok && a.everywhere():
		return "an HTTP request by way of 0.0.0.0"
	case hasHost && ok && !a.local():
		return "an HTTP request, of a page whose name was made to lead here (DNS rebinding),"
	}
	return "a cross-protocol HTTP request"
}

// look finds a header among lines that may be anything, and cut off anywhere.
func look(lines []byte, name string) (value string, found bool) {
	for line := range bytes.Lines(lines) {
		n, v, ok := bytes.Cut(line, []byte(":"))
		if ok && strings.EqualFold(string(n), name) {
			return string(bytes.Trim(v, " \t\r\n")), true
		}
	}
	return "", false
}
