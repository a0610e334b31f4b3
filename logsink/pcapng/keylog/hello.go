package keylog

import "bytes"

// maxPrelude is how much of what a client sends first is searched for its ClientHello. Protocols that turn to TLS say so
// in a few bytes before: 8 of PostgreSQL, 36 of MySQL.
const maxPrelude = 1 << 10

// Hello looks for the ClientHello in what a client sends first, so that of a file with everybody's secrets only those of
// recorded sessions are kept. The zero Hello has seen nothing.
type Hello struct {
	seen []byte
	over bool
}

// Feed tells the client's next bytes, and answers the ClientHello's random once it has come. Done says that nothing more
// needs to be told, found or not. What looks like a ClientHello by chance does no harm: nobody has its secrets.
func (h *Hello) Feed(b []byte) (random [32]byte, found, done bool) {
	if h.over {
		return random, false, true
	}
	h.seen = append(h.seen, b[:min(len(b), maxPrelude-len(h.seen))]...)
	random, found = clientRandom(h.seen)
	if h.over = found || len(h.seen) == maxPrelude; h.over {
		h.seen = nil
	}
	return random, found, h.over
}

// clientRandom finds a ClientHello. RFC 8446, 5.1: a record of type 22, version 3.x, its length; 4: message 1, its length
// of three bytes; 4.1.2: the version, then the random.
func clientRandom(b []byte) (random [32]byte, found bool) {
	const before = 5 + 4 + 2
	for {
		i := bytes.Index(b, []byte{22, 3})
		if i < 0 || len(b)-i < before+len(random) {
			return random, false
		}
		if b = b[i:]; b[5] == 1 && b[6] == 0 && b[9] == 3 {
			return [32]byte(b[before:]), true
		}
		b = b[1:]
	}
}
