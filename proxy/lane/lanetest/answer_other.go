//go:build !linux

package lanetest

import "testing"

func (k kit) answerUntaken(t *testing.T) {
	t.Skip("the portable sockets wait until the client takes it")
}
