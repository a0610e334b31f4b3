package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/console/control"
)

func newKillCommand() *cobra.Command {
	which := &whichDoor{}
	cmd := &cobra.Command{
		Use:   "kill SESSION [--instance NAME | --dir DIR]",
		Short: "End an open session",
		Long: `End an open session with a reset on both of its ends, and record that.

SESSION is the beginning of its name, as 'lodoor who' and the session lines show it.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usageError(errors.New("name one session, by the beginning of its id; 'lodoor who' lists them"))
			}
			return nil
		},
		PreRunE: notBoth("instance", "dir"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := which.session(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			switch err := s.door.Kill(cmd.Context(), s.Record.Session); {
			case errors.Is(err, control.ErrNotOpen):
				return fmt.Errorf("session %s has ended by itself meanwhile", s.Record.Session)
			case err != nil:
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "session %s of %s was ended: %s\n", s.Record.Session, s.Service, s.peer())
			return err
		},
	}
	which.register(cmd.Flags())
	return cmd
}
