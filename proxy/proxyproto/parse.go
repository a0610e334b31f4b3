package proxyproto

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Bounds of a header. Version 2 could have 64 KB behind its fixed part; a client's certificate, the longest thing that
// proxies put there, has about 2 KB.
const (
	maxV1     = 107
	fixedV2   = 16
	MaxHeader = fixedV2 + 4096
)

// The first bytes of each version.
const (
	signatureV1 = "PROXY "
	signatureV2 = "\r\n\r\n\x00\r\nQUIT\n"
)

// Parse reads the header at the start of b. n is its length, without what comes behind it; 0 when more of it has to
// come. The answer is nil when the header conveys no address (LOCAL, UNKNOWN, UNSPEC, Unix sockets): the peer then
// stands for itself. The addresses are unmapped.
//
// The zone of the client is that of [flow.Peer.ClientZone].
func (r *Reader) Parse(b []byte, from *flow.Peer) (n int, c *flow.Conveyed, err error) {
	switch {
	case begins(b, signatureV1):
		n, c, err = parseV1(b)
	case begins(b, signatureV2):
		n, c, err = parseV2(b)
	default:
		err = fmt.Errorf("no PROXY header, but %s", quote(b))
	}
	if c != nil {
		c.Zone = from.ClientZone(c.Client.Addr(), r.zone(c.Client.Addr()))
	}
	return n, c, err
}

// Missing is how many bytes the header that begins with b has at least beyond it, 1 or more, so that nobody reads what
// is behind it.
func (r *Reader) Missing(b []byte) int {
	switch {
	case len(b) == 0:
		return minV1 // version 2 is longer
	case begins(b, signatureV1):
		return missingV1(b)
	default:
		return missingV2(b)
	}
}

// begins says whether b is the beginning of something that starts with the signature.
func begins(b []byte, signature string) bool {
	n := min(len(b), len(signature))
	return bytes.Equal(b[:n], []byte(signature[:n]))
}

// newConveyed returns what a header says.
func newConveyed(version uint8, client, server netip.Addr, clientPort, serverPort uint16) *flow.Conveyed {
	return &flow.Conveyed{
		Client:  netip.AddrPortFrom(client.Unmap(), clientPort),
		Server:  netip.AddrPortFrom(server.Unmap(), serverPort),
		Version: version,
	}
}

// quote makes bytes of a peer fit for a message.
func quote(b []byte) string {
	const most = 40
	if len(b) > most {
		return strconv.QuoteToASCII(string(b[:most])) + "..."
	}
	return strconv.QuoteToASCII(string(b))
}
