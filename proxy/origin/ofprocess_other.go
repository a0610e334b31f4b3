//go:build !linux

package origin

import (
	"context"
	"errors"
	"fmt"

	"github.com/lodoor/lodoor/proxy/flow"
)

// OfProcess is the origin that a connection of a process has. This system does not tell enough of a process.
func OfProcess(_ context.Context, pid int, _ ResolverConfig) (flow.Origin, error) {
	return flow.Origin{}, fmt.Errorf("look at process %d: %w", pid, errors.ErrUnsupported)
}
