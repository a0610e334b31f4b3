//go:build !linux

package lanetest

import (
	"net"
	"testing"
)

// acknowledged cannot be told here.
func acknowledged(testing.TB, net.Conn) {}

func preciseBehaviours() []Behaviour { return nil }
