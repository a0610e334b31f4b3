//go:build linux

package machine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
)

// LoopbackBytes is what the loopback device has received since the start.
func LoopbackBytes() (int64, error) {
	b, err := os.ReadFile("/sys/class/net/lo/statistics/rx_bytes")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
}

// Listening says whether somebody listens on the TCP port of 127.0.0.1. It looks into the kernel's table: a connection
// would be in the books of whoever listens, and iperf3 would take it for a client.
func Listening(port int) (bool, error) {
	b, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return false, err
	}
	return listening(string(b), port), nil
}

// listening reads /proc/net/tcp: the second field is the local address in hexadecimal, the fourth the state; 0A is
// LISTEN (proc_pid_net(5)).
func listening(table string, port int) bool {
	local := fmt.Sprintf("0100007F:%04X", port)
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) > 3 && f[1] == local && f[3] == "0A" {
			return true
		}
	}
	return false
}

// Ports that FreePort gives lie below the range from which Linux takes the ports of outgoing connections.
const (
	firstPort = 20000
	lastPort  = 32767
)

// FreePort is a TCP port of 127.0.0.1 that nobody has now.
func FreePort() (int, error) {
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort+1) //nolint:gosec // not for secrets
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, errors.New("find a free port: none in 200 attempts")
}
