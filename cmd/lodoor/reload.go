package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/console/control"
)

// reloadWithin is how long a door may take to answer.
const reloadWithin = 10 * time.Second

func newReloadCommand() *cobra.Command {
	which := &whichDoor{}
	cmd := &cobra.Command{
		Use:   "reload [--instance NAME | --dir DIR]",
		Short: "Make a running door read its configuration again, and say what came of it",
		Long: `Make a running door read its configuration again, and say what came of it.

A configuration that is broken changes nothing: the door goes on with the old one, and this command ends with 78.`,
		Args:    noArgs,
		PreRunE: notBoth("instance", "dir"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), reloadWithin)
			defer cancel()
			door, err := which.one(ctx)
			if err != nil {
				return err
			}
			source, err := door.Reload(ctx)
			var rejected *control.RejectedError
			switch {
			case errors.As(err, &rejected):
				return configError(fmt.Errorf("process %d goes on with its old configuration:\n%w", door.PID, err))
			case errors.Is(err, context.DeadlineExceeded):
				return fmt.Errorf("process %d did not answer within %s", door.PID, reloadWithin)
			case err != nil:
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "process %d has loaded its configuration from %s\n", door.PID, source)
			return err
		},
	}
	which.register(cmd.Flags())
	return cmd
}
