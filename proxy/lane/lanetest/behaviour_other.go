//go:build !linux

package lanetest

import (
	"net"
	"testing"
)

// acknowledged cannot be told here.
func acknowledged(testing.TB, net.Conn) {}

func unacknowledged(testing.TB, net.Conn) int { return 0 }

func preciseBehaviours() []Behaviour { return nil }
