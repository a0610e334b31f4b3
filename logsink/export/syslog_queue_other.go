//go:build !linux

package export

import "net"

// unacknowledged is not known here: what was written is taken for acknowledged.
func unacknowledged(*net.TCPConn) (int, error) { return 0, nil }
