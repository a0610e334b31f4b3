package capture

import "golang.org/x/net/bpf"

const (
	etherIPv4, etherIPv6 = 0x0800, 0x86dd
	// maxPorts is how many ports the kernel looks for. A program has at most 4096 instructions (BPF_MAXINSNS), and each
	// port takes four.
	maxPorts = 512
	// wholePacket is more than a packet has.
	wholePacket = 1 << 18
)

// filter is the program by which the kernel chooses packets: TCP that comes from a port or goes to one. It is given
// packets from their IP header on. With more ports than it can look for it lets all TCP pass.
func filter(ports []uint16, snap int) []bpf.Instruction {
	if snap <= 0 {
		snap = wholePacket
	}
	search := []bpf.Instruction{
		bpf.LoadIndirect{Off: 0, Size: 2}, // the source's port, behind an IP header of X bytes
	}
	search = append(search, match(ports, snap)...)
	search = append(search, bpf.LoadIndirect{Off: 2, Size: 2})
	search = append(search, match(ports, snap)...)
	search = append(search, bpf.RetConstant{Val: 0})
	if len(ports) > maxPorts {
		search = []bpf.Instruction{bpf.RetConstant{Val: uint32(snap)}}
	}
	return append([]bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtProto},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: etherIPv6, SkipTrue: 8},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: etherIPv4, SkipTrue: 6},
		bpf.LoadAbsolute{Off: 9, Size: 1}, // IPv4: the protocol
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: protocolTCP, SkipTrue: 4},
		bpf.LoadAbsolute{Off: 6, Size: 2}, // a later fragment has no ports
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: fragmentOffset, SkipTrue: 2},
		bpf.LoadMemShift{Off: 0}, // X is the header's length
		bpf.Jump{Skip: 5},
		bpf.RetConstant{Val: 0},
		bpf.LoadAbsolute{Off: 6, Size: 1}, // IPv6: the next header
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: protocolTCP, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.LoadConstant{Dst: bpf.RegX, Val: ipv6Header},
	}, search...)
}

// match lets a packet pass when what was loaded is one of the ports.
func match(ports []uint16, snap int) []bpf.Instruction {
	var all []bpf.Instruction
	for _, port := range ports {
		all = append(all, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(port), SkipTrue: 1},
			bpf.RetConstant{Val: uint32(snap)})
	}
	return all
}
