package rules

import (
	"fmt"
	"net/netip"
	"strings"
)

// CIDR is a range of addresses: unmapped, without a zone, host bits clear.
type CIDR struct{ netip.Prefix }

// UnmarshalText reads what [ParseCIDR] does.
func (c *CIDR) UnmarshalText(text []byte) error {
	v, err := ParseCIDR(string(text))
	if err == nil {
		*c = v
	}
	return err
}

// ParseCIDR reads ADDRESS/BITS, or an address alone, which is a range of one. An IPv4 range written as IPv6
// (::ffff:10.0.0.0/104) is read as the IPv4 range that it is. Host bits are an error that shows the range without them.
func ParseCIDR(s string) (CIDR, error) {
	if !strings.Contains(s, "/") {
		addr, err := netip.ParseAddr(s)
		if err != nil || addr.Zone() != "" {
			return CIDR{}, fmt.Errorf("CIDR %q: expected an address such as 192.0.2.7 or a range such as 10.0.0.0/8", s)
		}
		return newCIDR(netip.PrefixFrom(addr, addr.BitLen()))
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return CIDR{}, fmt.Errorf("CIDR %q: expected an address such as 192.0.2.7 or a range such as 10.0.0.0/8", s)
	}
	return newCIDR(p)
}

// newCIDR brings a prefix into the form in which it can match a peer's address, or says why it cannot.
func newCIDR(p netip.Prefix) (CIDR, error) {
	if !p.IsValid() {
		return CIDR{}, fmt.Errorf("CIDR: expected a range such as 10.0.0.0/8")
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return CIDR{}, fmt.Errorf("CIDR %s: an IPv4 range written as IPv6 has at least 96 bits", p)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if m := p.Masked(); m != p {
		return CIDR{}, fmt.Errorf("CIDR %s has host bits: write %s for the range, or %s for the address alone", p, m, p.Addr())
	}
	return CIDR{p}, nil
}

// plain is an address as ranges match it.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
