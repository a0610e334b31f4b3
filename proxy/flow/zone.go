package flow

import "net/netip"

// Zone is the kind of place that an address is. It is read off the address and this host's interfaces; that the peer
// really is there is a matter of [Proof].
type Zone uint8

// The zones, from the nearest to the farthest.
const (
	ZoneUnknown   Zone = iota // could not be told; treated as public
	ZoneUnix                  // a Unix socket: always this host
	ZoneLoopback              // 127.0.0.0/8, ::1
	ZoneSelf                  // an address of this host that is not loopback
	ZoneContainer             // behind a container bridge of this host
	ZoneVPN                   // behind a tunnel interface
	ZoneLinkLocal             // 169.254.0.0/16, fe80::/10
	ZoneLAN                   // RFC 1918, RFC 4193, RFC 6598 or a directly connected network
	ZonePublic                // everything else
)

func zoneNames() []string {
	return []string{"unknown", "unix", "loopback", "self", "container", "vpn", "linklocal", "lan", "public"}
}

// Local says whether addresses of this zone belong to this host itself.
func (z Zone) Local() bool { return z == ZoneUnix || z == ZoneLoopback || z == ZoneSelf }

// IsPrivate says whether an address is of RFC 1918, RFC 4193 or RFC 6598: of a network that anybody may have.
func IsPrivate(a netip.Addr) bool {
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10)
	return a.IsPrivate() || shared.Contains(a)
}

func (z Zone) String() string { return enumName(zoneNames(), uint8(z)) }

// MarshalText writes the zone's name.
func (z Zone) MarshalText() ([]byte, error) { return []byte(z.String()), nil }

// UnmarshalText reads a zone's name; the error lists the names.
func (z *Zone) UnmarshalText(text []byte) error {
	i, err := parseEnum("zone", zoneNames(), text)
	*z = Zone(i)
	return err
}
