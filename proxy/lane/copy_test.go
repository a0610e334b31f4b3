package lane_test

import (
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/lane"
	"github.com/lodoor/lodoor/proxy/lane/lanetest"
)

func newCopy(t *testing.T) lane.Lane { return newLane(t) }

func newLane(t testing.TB) lane.Lane {
	t.Helper()
	l, err := lane.NewCopy(lane.CopyConfig{Stall: 3 * time.Second, Flush: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCopy(t *testing.T) { lanetest.Run(t, newCopy) }

func FuzzCopy(f *testing.F) { lanetest.Fuzz(f, newCopy) }

func TestCopyConfig(t *testing.T) {
	for _, c := range []lane.CopyConfig{{Stall: -1}, {Flush: -1}} {
		if l, err := lane.NewCopy(c); err == nil {
			t.Errorf("%+v was taken: %v", c, l.Name())
		}
	}
}
