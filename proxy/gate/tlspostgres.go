package gate

import (
	"bytes"
	"encoding/binary"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Codes of the two requests with which a client of PostgreSQL asks for encryption before it says anything else. Each is 8
// bytes long: its length and its code (PostgreSQL documentation, 55.7 Message Formats).
const (
	postgresSSLRequest    = 80877103
	postgresGSSENCRequest = 80877104
	postgresRequestSize   = 8
)

// firstOfTLS is the first byte of a TLS connection, the type of a handshake record (RFC 8446, 5.1). No client of
// PostgreSQL begins with it otherwise: its first message would be longer than the server takes.
const firstOfTLS = 0x16

// plainPostgres answers the requests for encryption with N, as a server without TLS does. The backend sees none of them:
// it would say yes. Everything else is the next gate's.
type plainPostgres struct {
	guard *Guard
	next  flow.Gate // nil: none
	// ssl and gss say what was asked for. libpq asks for each once; a server takes a second for a broken startup message.
	ssl, gss bool
	// through says that the requests are over.
	through bool
}

// Inspect implements [flow.Gate].
func (p *plainPostgres) Inspect(held []byte, eof bool) flow.GateAnswer {
	var reply []byte
	for !p.through {
		rest := held[len(reply)*postgresRequestSize:]
		code, s := scanRequest(rest)
		switch {
		case len(rest) == 0 && eof && (p.ssl || p.gss):
			return p.guard.refuse(requiresTLS("the client left when it was told that there is none", "sslmode=prefer"))
		case len(rest) > 0 && rest[0] == firstOfTLS:
			return p.guard.refuse(requiresTLS("the client begins TLS without asking", "sslnegotiation=postgres"))
		case s == partial && !eof:
			return flow.GateAnswer{Take: len(reply) * postgresRequestSize, Reply: reply}
		case s != whole:
			p.through = true
		case !p.note(code):
			return p.guard.refuse(malformed("the client asks for encryption again after it was declined"))
		default:
			reply = append(reply, 'N')
		}
	}
	taken := len(reply) * postgresRequestSize
	a := ask(p.next, held[taken:], eof)
	a.Take, a.Reply = a.Take+taken, append(reply, a.Reply...)
	return a
}

// note remembers that something was asked for, and says whether it is the first time.
func (p *plainPostgres) note(code uint32) (first bool) {
	asked := &p.ssl
	if code == postgresGSSENCRequest {
		asked = &p.gss
	}
	first = !*asked
	*asked = true
	return first
}

// scanRequest looks for a request for encryption at the start of b.
func scanRequest(b []byte) (code uint32, s scan) {
	for _, code := range []uint32{postgresSSLRequest, postgresGSSENCRequest} {
		request := binary.BigEndian.AppendUint32([]byte{0, 0, 0, postgresRequestSize}, code)
		switch {
		case bytes.HasPrefix(b, request):
			return code, whole
		case bytes.HasPrefix(request, b):
			return 0, partial
		}
	}
	return 0, never
}
