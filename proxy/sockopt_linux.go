package proxy

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

type sockopt struct{ level, name, value int }

func setSockopts(fd int, opts []sockopt) error {
	for _, o := range opts {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return fmt.Errorf("setsockopt %d/%d: %w", o.level, o.name, err)
		}
	}
	return nil
}

// legOptions are the options of a leg that depend on where it leads: keepalive finds a dead host, and there is none
// between two sockets on lo.
func legOptions(addr netip.Addr, userTimeout time.Duration) []sockopt {
	var opts []sockopt
	if !addr.Unmap().IsLoopback() {
		opts = append(opts,
			sockopt{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			sockopt{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepaliveIdle.Seconds())},
			sockopt{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keepaliveInterval.Seconds())},
			sockopt{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepaliveCount},
		)
	}
	if userTimeout > 0 {
		opts = append(opts, sockopt{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds())})
	}
	return opts
}

// sockaddr turns an address into what bind and connect take.
func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16(), ZoneId: zoneID(a.Addr().Zone())}
}

// zoneID is the interface index that an IPv6 zone names, by number or by name; 0 when there is none.
func zoneID(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}
