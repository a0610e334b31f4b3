package gate

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/lodoor/lodoor/proxy/flow"
)

// mysqlSSL is the capability with which a server of MySQL says that it does TLS, and a client that it begins now
// (CLIENT_SSL, MySQL Internals, Capability Flags).
const mysqlSSL = 0x0800

// plainGreeting takes the capability out of a server's first packet, the initial handshake packet of protocol 10: a
// header of 4 bytes, the protocol's number, the version and a NUL, 4 bytes of connection id, 8 of salt, a filler, and the
// lower half of the capabilities, the less significant byte first. Anything else stays as it is: an error, or an older
// protocol.
type plainGreeting struct {
	at     int // of the packet
	length int // of what is behind the header
	end    int // of the version, its NUL included; 0 while that has not come
	// cleared says that the server would do TLS and the client does not know.
	cleared atomic.Bool
}

const (
	mysqlHeader      = 4
	mysqlProtocol    = 10
	mysqlVersionMax  = 1 << 10       // far more than any server's
	mysqlSSLByte     = 4 + 8 + 1 + 1 // behind the version: the more significant byte of the lower half
	mysqlLengthBytes = 3
)

// amend is a [flow.Amend].
func (p *plainGreeting) amend(b []byte) (done bool) {
	for i, c := range b {
		at := p.at
		p.at++
		switch {
		case at < mysqlLengthBytes:
			p.length |= int(c) << (8 * at)
		case at < mysqlHeader:
		case at == mysqlHeader && c != mysqlProtocol, at >= mysqlHeader+min(p.length, mysqlVersionMax):
			return true
		case p.end == 0:
			if c == 0 {
				p.end = p.at
			}
		case at == p.end+mysqlSSLByte:
			if c&(mysqlSSL>>8) != 0 {
				b[i] = c &^ (mysqlSSL >> 8)
				p.cleared.Store(true)
			}
			return true
		}
	}
	return false
}

// plainMySQL sees a client that wants TLS where the greeting says that there is none.
type plainMySQL struct {
	guard    *Guard
	next     flow.Gate // nil: none
	greeting *plainGreeting
	// through says that the client's first words have come.
	through bool
}

// A client begins TLS with a packet of this length that has the capability in its first bytes; one that logs in without
// says more (MySQL Internals, SSLRequest).
const mysqlSSLRequestLength = 32

// Inspect implements [flow.Gate].
func (p *plainMySQL) Inspect(held []byte, eof bool) flow.GateAnswer {
	if p.through {
		return ask(p.next, held, eof)
	}
	const setting = "ssl-mode=PREFERRED, or skip-ssl"
	switch {
	case len(held) == 0 && eof && p.greeting.cleared.Load():
		return p.guard.refuse(requiresTLS("the client left without a word when it was told that there is none", setting))
	case len(held) < mysqlHeader+2 && beginsSSLRequest(held) && !eof:
		return flow.GateAnswer{}
	case len(held) >= mysqlHeader+2 && beginsSSLRequest(held) && held[mysqlHeader+1]&(mysqlSSL>>8) != 0:
		return p.guard.refuse(requiresTLS("the client begins TLS without being offered any", setting))
	}
	p.through = true
	return ask(p.next, held, eof)
}

// beginsSSLRequest says whether b may be the header of one, as far as it has come.
func beginsSSLRequest(b []byte) bool {
	header := binary.LittleEndian.AppendUint32(nil, mysqlSSLRequestLength|1<<24) // the second packet of the connection
	n := min(len(b), len(header))
	return string(b[:n]) == string(header[:n])
}
