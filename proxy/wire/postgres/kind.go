package postgres

import "github.com/lodoor/lodoor/proxy/flow"

// kind is what a message is: its type byte, or one of those below for messages that have none.
type kind byte

// The messages before a session, which have no type byte, and a backend's answer of one byte to a wish for encryption.
const (
	kindStartup kind = 1 + iota
	kindSSL
	kindGSS
	kindCancel
	kindBare
)

// What the first four bytes of a message without a type say (Message Formats: StartupMessage, SSLRequest,
// GSSENCRequest, CancelRequest).
const (
	protocolMajor = 3
	codeCancel    = 80877102
	codeSSL       = 80877103
	codeGSS       = 80877104
)

// startupMax is the longest message that a server takes before a session (MAX_STARTUP_PACKET_LENGTH of its source).
const startupMax = 10_000

// messageMax is the longest message that either side takes (MaxAllocSize of the server's source, libpq's is the same).
const messageMax = 1<<30 - 1

// tlsHandshake begins a TLS record with a handshake (RFC 8446, 5.1). A startup message begins with 0.
const tlsHandshake = 0x16

// untypedKind is the kind of a message without a type byte.
func untypedKind(code uint32) (kind, bool) {
	switch code {
	case codeCancel:
		return kindCancel, true
	case codeSSL:
		return kindSSL, true
	case codeGSS:
		return kindGSS, true
	}
	return kindStartup, code>>16 == protocolMajor
}

// bounds are the least and the most bytes that a typed message's length may count, itself included; 0 and 0 when the
// side sends no such message.
func bounds(d flow.Direction, k kind) (least, most uint32) {
	if d == flow.FromClient {
		return clientBounds(k)
	}
	return backendBounds(k)
}

func clientBounds(k kind) (least, most uint32) {
	switch k {
	case 'S', 'H', 'c', 'X':
		return 4, 4
	case 'Q', 'f', 'p':
		return 4, messageMax
	case 'd':
		return 4, messageMax
	case 'B', 'P', 'E', 'D', 'C', 'F':
		return 6, messageMax
	}
	return 0, 0
}

func backendBounds(k kind) (least, most uint32) {
	switch k {
	case '1', '2', '3', 'I', 'n', 's', 'c':
		return 4, 4
	case 'Z':
		return 5, 5
	case 'K':
		return 8, 4 + 4 + 256
	case 'v':
		return 12, messageMax
	case 'R', 'A', 'V':
		return 8, messageMax
	case 'D', 'T', 't', 'S':
		return 6, messageMax
	case 'G', 'H', 'W':
		return 7, messageMax
	case 'C', 'E', 'N', 'd':
		return 4, messageMax
	}
	return 0, 0
}
