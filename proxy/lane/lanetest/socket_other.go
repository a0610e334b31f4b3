//go:build !linux || portable

package lanetest

import (
	"net"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/lane"
)

// portable says whether the sockets are of the portable form, which promises less.
const portable = true

// socket takes the connection over.
func socket(_ testing.TB, c net.Conn) *lane.Socket {
	s := lane.NewSocket(c)
	_ = s.SetDeadline(time.Time{})
	return s
}
