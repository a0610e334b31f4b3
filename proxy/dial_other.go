//go:build !linux

package proxy

import (
	"net"
	"net/netip"
	"time"

	"github.com/lodoor/lodoor/proxy/lane"
)

// connectTCP makes one attempt to connect. The user timeout is Linux's and ignored here.
func connectTCP(to netip.AddrPort, deadline time.Time, _ time.Duration) (*lane.Socket, error) {
	d := net.Dialer{Deadline: deadline, KeepAlive: -1}
	if !to.Addr().Unmap().IsLoopback() {
		d.KeepAlive, d.KeepAliveConfig = 0, net.KeepAliveConfig{
			Enable: true, Idle: keepaliveIdle, Interval: keepaliveInterval, Count: keepaliveCount,
		}
	}
	c, err := d.Dial("tcp", to.String())
	if err != nil {
		return nil, err
	}
	return lane.NewSocket(c), nil
}

// connectUnix makes one attempt to connect.
func connectUnix(path string, deadline time.Time) (*lane.Socket, error) {
	c, err := (&net.Dialer{Deadline: deadline}).Dial("unix", path)
	if err != nil {
		return nil, err
	}
	return lane.NewSocket(c), nil
}

// gone cannot be told here without reading; the lane notices.
func gone(*lane.Socket) bool { return false }
