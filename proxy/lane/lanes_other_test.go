//go:build !linux || portable

package lane_test

import (
	"errors"
	"testing"

	"github.com/lodoor/lodoor/proxy/lane"
)

func moreLanes() map[string]func(testing.TB) lane.Lane { return nil }

func TestLoopUnsupported(t *testing.T) {
	if l, err := lane.NewLoop(lane.LoopConfig{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v, %v", l, err)
	}
}
