package http

import "fmt"

// hello looks for TLS in what a client sends first: the record of a handshake begins with 22 and 3 (RFC 8446, 5.1). Behind
// anything else, be it an empty line, the same bytes begin neither TLS nor a request.
type hello uint8

const (
	helloAwaited hello = iota // the client has sent nothing
	helloBegun                // 22
	helloFound                // and 3
	helloNone                 // something else
)

// read looks at the client's next byte. taken says that it is one of those two.
func (h *hello) read(c byte) (taken bool, err error) {
	const handshake, version = 22, 3
	switch {
	case *h == helloAwaited && c == handshake:
		*h = helloBegun
	case *h == helloBegun && c == version:
		*h = helloFound
	case *h == helloBegun:
		return false, fmt.Errorf("http: a byte %q behind the 22 of a TLS handshake, which has a 3 there", c)
	default:
		*h = helloNone
		return false, nil
	}
	return true, nil
}
