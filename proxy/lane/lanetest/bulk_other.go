//go:build !linux

package lanetest

import "testing"

func (k kit) bulkUrgent(t *testing.T) {
	t.Skip("the portable sockets leave urgent bytes to the system")
}
