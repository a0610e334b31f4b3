// Package hello knows whether a client begins to encrypt with its first bytes.
package hello

import "fmt"

// Hello looks for TLS in what a client sends first: the record of a handshake begins with 22 and 3 (RFC 8446, 5.1). Behind
// anything else, be it an empty line, the same bytes begin neither TLS nor a message of another protocol: whoever took
// them for it would stop looking for secrets. The zero value is for a client that has sent nothing.
type Hello uint8

const (
	awaited Hello = iota
	begun         // 22
	found         // and 3
	none          // something else
)

// Found says that the client speaks TLS.
func (h Hello) Found() bool { return h == found }

// Read looks at the client's next byte. taken says that it is one of those two. The error is of a 22 without its 3.
func (h *Hello) Read(c byte) (taken bool, err error) {
	const handshake, version = 22, 3
	switch {
	case *h == awaited && c == handshake:
		*h = begun
	case *h == begun && c == version:
		*h = found
	case *h == begun:
		return false, fmt.Errorf("a byte %q behind the 22 of a TLS handshake, which has a 3 there", c)
	default:
		*h = none
		return false, nil
	}
	return true, nil
}
