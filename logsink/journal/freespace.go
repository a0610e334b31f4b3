package journal

import (
	"fmt"
	"math"

	"github.com/lodoor/lodoor/proxy/flow"
)

// FreeSpace is how many bytes a user may still write to the file system that a directory is on.
func FreeSpace(dir string) (flow.Size, error) {
	free, _, err := diskSpace(dir)
	if err != nil {
		return 0, fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	return flow.Size(min(free, math.MaxInt64)), nil
}
