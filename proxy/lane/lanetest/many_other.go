//go:build !linux

package lanetest

import "testing"

// descriptors cannot be counted here.
func descriptors(*testing.T) int { return 0 }
