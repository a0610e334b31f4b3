//go:build !linux

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// stranger has no network namespaces here.
func (s *show) stranger(ctx context.Context) error {
	return s.substitute(ctx, errors.New("this system has no network namespaces"))
}

func runStage(_ *cobra.Command, stage string) error {
	return usageError(fmt.Errorf("there is no stage %q on this system", stage))
}
