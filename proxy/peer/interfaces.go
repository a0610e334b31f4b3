package peer

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Kind is what an interface leads to.
type Kind uint8

// The kinds.
const (
	Plain     Kind = iota // hardware, or nothing that is known
	Loopback              // this host
	Container             // a bridge or a link of containers or virtual machines on this host
	Veth                  // one end of a veth pair: another network namespace, or the way out of this container
	VPN                   // a tunnel
)

// Interface is what is known about one of this host's interfaces.
type Interface struct {
	Index int
	Name  string
	Kind  Kind
	// Up says that its addresses can be used.
	Up bool
	// Own are this host's addresses on it, without zones.
	Own []netip.Addr
	// Networks are the networks that are directly connected by it.
	Networks []netip.Prefix
}

// contains says whether an address is in one of the interface's networks. Every interface has link-local ones.
func (i *Interface) contains(a netip.Addr) bool {
	return a.IsLinkLocalUnicast() || slices.ContainsFunc(i.Networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// zone is the zone of addresses that are behind the interface; not known for plain ones.
func (i *Interface) zone() flow.Zone {
	switch i.Kind {
	case Container, Veth:
		return flow.ZoneContainer
	case VPN:
		return flow.ZoneVPN
	default:
		return flow.ZoneUnknown
	}
}

// kindOf tells an interface's kind by its name and by the kind of link that the kernel says (ip -d link), which is
// empty for hardware and on systems that do not say. A bridge is taken for one of containers only by its name, since
// many hosts have their network card in a bridge.
func kindOf(name, link string) Kind {
	switch name = strings.ToLower(name); {
	case isContainer(name):
		return Container
	case link == "veth":
		return Veth
	case isTunnel(name, link):
		return VPN
	default:
		return Plain
	}
}

// isContainer knows the interfaces of Docker, Podman, containerd, Kubernetes, LXC, Incus and systemd-nspawn, and those
// of virtual machines, which are guests of this host as well (libvirt, VirtualBox, VMware, Hyper-V with WSL).
func isContainer(name string) bool {
	if id, ok := strings.CutPrefix(name, "br-"); ok {
		return len(id) == 12 && strings.Trim(id, "0123456789abcdef") == ""
	}
	return hasPrefix(name,
		"docker", "podman", "cni", "nerdctl", "cbr0", "cali", "cilium_", "kube-bridge", "lxcbr", "lxdbr", "incusbr", "ve-", "vb-",
		"virbr", "vboxnet", "vmnet", "vethernet (")
}

func isTunnel(name, link string) bool {
	kinds := []string{
		"tun", "wireguard", "amneziawg", "ovpn", "ovpn-dco", "ppp", "ipip", "ip6tnl", "sit", "gre", "ip6gre", "vti", "vti6", "xfrm",
	}
	return slices.Contains(kinds, link) || hasPrefix(name,
		"tun", "tap", "utun", "wg", "tailscale", "zt", "ppp", "ipsec", "nordlynx", "proton", "nebula", "cloudflarewarp",
		"cscotun", "gpd")
}

func hasPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}
