//go:build !portable

package lane

import (
	"net/netip"
	"testing"
)

func TestAddressesArePacked(t *testing.T) {
	for _, text := range []string{
		"127.0.0.1:1", "255.255.255.255:65535", "0.0.0.0:0", "[::]:0", "[::1]:80", "[::ffff:127.0.0.1]:80",
		"[fe80::1%2]:9", "[fe80::1%eth0]:9", "[2001:db8::7]:443",
	} {
		a := netip.MustParseAddrPort(text)
		s := NewSocket(-1, a, netip.MustParseAddrPort("[fe80::2%3]:5"))
		if got := s.Local(); got != a {
			t.Errorf("%s became %s", a, got)
		}
		if got := s.Remote().String(); got != "[fe80::2%3]:5" {
			t.Errorf("beside %s: the other became %s", a, got)
		}
	}
	if s := NewSocket(-1, netip.AddrPort{}, netip.AddrPort{}); s.Local().IsValid() || s.Remote().IsValid() || !s.IsUnix() {
		t.Errorf("no address became %s and %s", s.Local(), s.Remote())
	}
}
