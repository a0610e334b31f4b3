//go:build linux && !portable

package lane_test

import (
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/lane"
	"github.com/lodoor/lodoor/proxy/lane/lanetest"
)

// newLoop makes lanes as c says, with bounds that a slow machine keeps.
func newLoop(c lane.LoopConfig) func(t *testing.T) lane.Lane {
	return func(t *testing.T) lane.Lane { return loop(t, c) }
}

func loop(t testing.TB, c lane.LoopConfig) *lane.Loop {
	t.Helper()
	c.Stall, c.Flush = time.Second, time.Minute
	l, err := lane.NewLoop(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLoop(t *testing.T) {
	t.Run("one loop", func(t *testing.T) { lanetest.Run(t, newLoop(lane.LoopConfig{Loops: 1})) })
	t.Run("two loops", func(t *testing.T) { lanetest.Run(t, newLoop(lane.LoopConfig{Loops: 2})) })
	t.Run("spinning", func(t *testing.T) {
		lanetest.Run(t, newLoop(lane.LoopConfig{Loops: 1, Spin: 50 * time.Microsecond}))
	})
}

func FuzzLoop(f *testing.F) { lanetest.Fuzz(f, newLoop(lane.LoopConfig{})) }
