package capture

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// ipv4 is a packet with options in its header, and ports behind them.
func ipv4(protocol byte, fragment uint16) []byte {
	b := make([]byte, 24+20)
	b[0], b[9] = 4<<4|6, protocol
	binary.BigEndian.PutUint16(b[6:], fragment)
	copy(b[12:], []byte{127, 0, 0, 1, 127, 0, 0, 2})
	binary.BigEndian.PutUint32(b[24:], 1000<<16|5432)
	return b
}

func ipv6(next byte) []byte {
	b := make([]byte, 40+20)
	b[0], b[6], b[23], b[39] = 6<<4, next, 1, 2
	binary.BigEndian.PutUint32(b[40:], 1000<<16|5432)
	return b
}

func TestAddresses(t *testing.T) {
	for name, tc := range map[string]struct {
		packet   []byte
		from, to string // empty when it is no TCP packet
	}{
		"IPv4":              {ipv4(6, 0x4000), "127.0.0.1:1000", "127.0.0.2:5432"}, // do not fragment
		"IPv6":              {ipv6(6), "[::1]:1000", "[::2]:5432"},
		"UDP":               {packet: ipv4(17, 0)},
		"later fragment":    {packet: ipv4(6, 1)},
		"IPv6 UDP":          {packet: ipv6(17)},
		"IPv6 extension":    {packet: ipv6(0)},
		"IPv4 without TCP":  {packet: ipv4(6, 0)[:24]},
		"IPv4 without port": {packet: ipv4(6, 0)[:27]},
		"IPv6 without TCP":  {packet: ipv6(6)[:43]},
		"nothing":           {},
		"something else":    {packet: []byte{0x50, 1, 2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			from, to, ok := addresses(tc.packet)
			if ok != (tc.from != "") || ok && (from != netip.MustParseAddrPort(tc.from) || to != netip.MustParseAddrPort(tc.to)) {
				t.Errorf("got %v, %v, %v", from, to, ok)
			}
		})
	}
}

// Whatever the bytes, they are read or refused.
func TestAddressesOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(t, "packet")
		if len(b) > 0 && rapid.Bool().Draw(t, "IP") {
			b[0] = rapid.SampledFrom([]byte{0x45, 0x4f, 0x40, 0x60}).Draw(t, "version")
		}
		if from, to, ok := addresses(b); ok && (!from.IsValid() || !to.IsValid()) {
			t.Fatalf("%v to %v", from, to)
		}
	})
}
