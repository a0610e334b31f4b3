package flow_test

import (
	"math"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

func TestSizeHuman(t *testing.T) {
	for s, want := range map[flow.Size]string{
		0: "0 B", 999: "999 B", 1023: "1023 B", flow.KiB: "1 KiB", 1229: "1.2 KiB", 999 * flow.KiB: "999 KiB",
		1000*flow.KiB - 1: "999 KiB", 1000 * flow.KiB: "1000 KiB", flow.MiB - 1: "1023 KiB", flow.MiB: "1 MiB",
		1567 * flow.KiB: "1.53 MiB", 1020 * flow.MiB: "1020 MiB", 5 * flow.GiB: "5 GiB", math.MaxInt64: "8388607 TiB",
	} {
		if got := s.Human(); got != want {
			t.Errorf("%d is %q, want %q", int64(s), got, want)
		}
	}
}
