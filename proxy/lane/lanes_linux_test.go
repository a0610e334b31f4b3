//go:build !portable

package lane_test

import (
	"testing"

	"github.com/lodoor/lodoor/proxy/lane"
)

// moreLanes are those that not every system has.
func moreLanes() map[string]func(testing.TB) lane.Lane {
	return map[string]func(testing.TB) lane.Lane{
		"loop": func(t testing.TB) lane.Lane { return loop(t, lane.LoopConfig{Loops: 1}) },
	}
}
