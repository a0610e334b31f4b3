//go:build linux

package workload

import (
	"context"

	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/services"
)

func rules() Workload {
	return Workload{
		Name: "rules", Title: "Short connections with many rules",
		About: "Short connections through lodoor with rules of which none matches a local peer.",
		Metrics: []Metric{
			{Name: "rate", Title: "8 at once", Unit: "1/s", Higher: true},
			{Name: "p50", Title: "one after the other, p50", Unit: "µs"},
		},
		Doors: []string{
			peers.Direct, peers.Control, peers.Lodoor, "lodoor rules 1", "lodoor rules 100", "lodoor rules 10000",
			"lodoor when 1", "lodoor when 5000",
		},
		Services: []string{services.Echo},
		Run: func(ctx context.Context, v *Visit) (Figures, error) {
			rate, p50, err := rateAndLatency(ctx, v.Open.Port(services.Echo), v.For)
			return Figures{"rate": rate, "p50": p50}, err
		},
	}
}
