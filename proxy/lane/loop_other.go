//go:build !linux || portable

package lane

import (
	"errors"
	"fmt"
)

// Loop is Linux's lane, which cannot be had here.
type Loop struct{ Lane }

// NewLoop answers [errors.ErrUnsupported].
func NewLoop(c LoopConfig) (*Loop, error) {
	if _, err := c.checked(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("loop lane: %w", errors.ErrUnsupported)
}
