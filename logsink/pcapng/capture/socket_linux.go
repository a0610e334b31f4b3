package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// openSocket makes a packet socket whose packets begin with their IP header, whatever the interface puts before it. It
// gets none before it is bound.
func openSocket() (fd int, err error) {
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	switch {
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES):
		return 0, fmt.Errorf("CAP_NET_RAW is missing (%w): give it to the program (sudo setcap cap_net_raw+ep lodoor), or to "+
			"its unit (AmbientCapabilities=CAP_NET_RAW); without it record the relay's reads, source: relay", err)
	case errors.Is(err, unix.EAFNOSUPPORT):
		return 0, fmt.Errorf("this kernel has no packet sockets, CONFIG_PACKET (%w); use source: relay", err)
	}
	return fd, os.NewSyscallError("socket", err)
}

// attach lets pass what belongs to the ports. It takes the place of the filter that was there before.
func attach(fd int, ports []uint16, snap int) error {
	raw, err := bpf.Assemble(filter(ports, snap))
	if err != nil {
		return fmt.Errorf("assemble the filter: %w", err)
	}
	program := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		program[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	f := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	return os.NewSyscallError("setsockopt SO_ATTACH_FILTER",
		unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &f))
}

// bind begins the capture. A packet on a loopback interface passes it twice, on its way out and on its way in; the first
// is left out (PACKET_IGNORE_OUTGOING, Linux 4.20). On any other each way has packets of its own.
func bind(fd int, link *net.Interface) error {
	if link.Flags&net.FlagLoopback != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
			return os.NewSyscallError("setsockopt PACKET_IGNORE_OUTGOING", err)
		}
	}
	return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{
		Protocol: bigEndian(unix.ETH_P_ALL), Ifindex: link.Index,
	}))
}

func bigEndian(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))
}

// drops is how many packets found no room since it was asked last. packet(7), PACKET_STATISTICS.
func drops(fd int) (uint64, error) {
	stats, err := unix.GetsockoptTpacketStatsV3(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0, os.NewSyscallError("getsockopt PACKET_STATISTICS", err)
	}
	return uint64(stats.Drops), nil
}

// pending is the error that waits at the socket: ENETDOWN when its interface went down.
func pending(fd int) error {
	number, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && number != 0 {
		err = unix.Errno(number)
	}
	return os.NewSyscallError("wait for packets", err)
}
