package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func newRecordFollowCommand() *cobra.Command {
	which := &whichDoor{}
	var to string
	cmd := &cobra.Command{
		Use:   "follow SERVICE -w {FILE|-}",
		Short: "Write what a service's sessions say, as it is said, for a program that shows packets",
		Long: `Write the packets of a service's sessions as pcapng while they happen, those of sessions that begin from now on, until
you end it. Nothing is written to the door's own disk. Passwords are overwritten where the protocol is known.`,
		Example: `  lodoor record follow postgres -w - | wireshark -k -i -
  lodoor record follow postgres -w - | tshark -r - -d tcp.port==62893,pgsql`,
		Args: oneService,
		PreRunE: both(notBoth("instance", "dir"), func(*cobra.Command, []string) error {
			if to == "" {
				return usageError(errors.New("say where the packets go: -w FILE, or -w - for another program"))
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			door, err := which.one(cmd.Context())
			if err != nil {
				return err
			}
			out, closing, err := packetFile(cmd.OutOrStdout(), to)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return errors.Join(door.FollowRecording(ctx, args[0], out), closing())
		},
	}
	which.register(cmd.Flags())
	cmd.Flags().StringVarP(&to, "write", "w", "", "`FILE` for the packets, - for standard output")
	return cmd
}

// packetFile is what packets are written to: standard output for -, or a file that is made and only its owner can read.
func packetFile(stdout io.Writer, name string) (io.Writer, func() error, error) {
	if name == "-" {
		if isTerminal(stdout) {
			return nil, nil, usageError(errors.New("packets are not for a terminal: pipe them into another program, or name a file"))
		}
		return stdout, func() error { return nil }, nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("make the file for the packets: %w", err)
	}
	return f, f.Close, nil
}
