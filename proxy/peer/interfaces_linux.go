package peer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// Interfaces reads this host's interfaces: those of the network namespace of the calling thread.
func Interfaces() ([]Interface, error) {
	// Two requests (rtnetlink(7)), however many interfaces there are; package net asks once for each and does not tell
	// what kind of link it is.
	links, err := ribMessages(unix.RTM_GETLINK)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	addresses, err := ribMessages(unix.RTM_GETADDR)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	var all []Interface
	at := make(map[int]int) // place in all by index
	for i := range links {
		if in, ok := decodeLink(&links[i]); ok {
			at[in.Index] = len(all)
			all = append(all, in)
		}
	}
	for i := range addresses {
		index, own, network, ok := decodeAddress(&addresses[i])
		if place, known := at[index]; ok && known {
			in := &all[place]
			in.Own = append(in.Own, own)
			in.Networks = append(in.Networks, network)
		}
	}
	return all, nil
}

func ribMessages(request int) ([]syscall.NetlinkMessage, error) {
	b, err := syscall.NetlinkRIB(request, unix.AF_UNSPEC)
	if err != nil {
		return nil, err
	}
	return syscall.ParseNetlinkMessage(b)
}

// decodeLink reads struct ifinfomsg and its attributes.
func decodeLink(m *syscall.NetlinkMessage) (in Interface, ok bool) {
	if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg {
		return in, false
	}
	attributes := m.Data[unix.SizeofIfInfomsg:]
	in.Index = int(binary.NativeEndian.Uint32(m.Data[4:]))
	in.Name = text(attribute(attributes, unix.IFLA_IFNAME))
	in.Kind = kindOf(in.Name, text(attribute(attribute(attributes, unix.IFLA_LINKINFO), unix.IFLA_INFO_KIND)))
	flags := binary.NativeEndian.Uint32(m.Data[8:])
	in.Up = flags&unix.IFF_UP != 0
	if flags&unix.IFF_LOOPBACK != 0 {
		in.Kind = Loopback
	}
	return in, true
}

// decodeAddress reads struct ifaddrmsg and its attributes. On a point-to-point link IFA_LOCAL is this host's address
// and IFA_ADDRESS the other end's; elsewhere they are the same, and IPv6 has IFA_ADDRESS only.
func decodeAddress(m *syscall.NetlinkMessage) (index int, own netip.Addr, network netip.Prefix, ok bool) {
	if m.Header.Type != unix.RTM_NEWADDR || len(m.Data) < unix.SizeofIfAddrmsg {
		return 0, own, network, false
	}
	attributes := m.Data[unix.SizeofIfAddrmsg:]
	far, ok := netip.AddrFromSlice(attribute(attributes, unix.IFA_ADDRESS))
	if !ok {
		return 0, own, network, false
	}
	if own, ok = netip.AddrFromSlice(attribute(attributes, unix.IFA_LOCAL)); !ok {
		own = far
	}
	network, err := far.Prefix(int(m.Data[1]))
	return int(binary.NativeEndian.Uint32(m.Data[4:])), own, network, err == nil
}

// attribute finds the value of the first attribute of a kind in a list of them (struct rtattr); nil when there is none.
func attribute(b []byte, kind uint16) []byte {
	for len(b) >= unix.SizeofRtAttr {
		length := int(binary.NativeEndian.Uint16(b))
		if length < unix.SizeofRtAttr || length > len(b) {
			return nil
		}
		if binary.NativeEndian.Uint16(b[2:])&^unix.NLA_F_NESTED == kind {
			return b[unix.SizeofRtAttr:length]
		}
		b = b[min((length+3)&^3, len(b)):]
	}
	return nil
}

func text(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }
