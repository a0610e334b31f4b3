//go:build !linux

package peer

import (
	"fmt"
	"net"
	"net/netip"
)

// Interfaces reads this host's interfaces.
func Interfaces() ([]Interface, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	all := make([]Interface, 0, len(list))
	for i := range list {
		in := Interface{
			Index: list[i].Index, Name: list[i].Name, Up: list[i].Flags&net.FlagUp != 0, Kind: kindOf(list[i].Name, ""),
		}
		if list[i].Flags&net.FlagLoopback != 0 {
			in.Kind = Loopback
		}
		addresses, err := list[i].Addrs()
		if err != nil {
			return nil, fmt.Errorf("list addresses of %s: %w", in.Name, err)
		}
		for _, a := range addresses {
			in.add(a)
		}
		all = append(all, in)
	}
	return all, nil
}

func (i *Interface) add(a net.Addr) {
	n, ok := a.(*net.IPNet)
	if !ok {
		return
	}
	own, ok := netip.AddrFromSlice(n.IP)
	if !ok {
		return
	}
	own = own.Unmap()
	bits, _ := n.Mask.Size()
	if network, err := own.Prefix(bits); err == nil {
		i.Own = append(i.Own, own)
		i.Networks = append(i.Networks, network)
	}
}
