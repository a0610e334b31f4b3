package testkit

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Ports that FreePort gives lie below the range from which systems take the ports of outgoing connections
// (net.ipv4.ip_local_port_range, 32768 upward; 49152 upward elsewhere), so that no client of another test takes one.
const (
	firstPort = 20000
	lastPort  = 32767
)

// FreePort returns a TCP port that is free on 127.0.0.1 and, where there is IPv6, on ::1. It binds the port and closes
// it again, so that somebody may take it before the caller does: whoever starts a server on it tries again.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if free("127.0.0.1", port) && (!hasIPv6() || free("::1", port)) {
			return port
		}
	}
	t.Fatalf("no free port found between %d and %d", firstPort, lastPort)
	return 0
}

func hasIPv6() bool { return free("::1", 0) }

func free(host string, port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
