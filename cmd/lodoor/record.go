package main

import (
	"github.com/spf13/cobra"
)

func newRecordCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "record",
		Short: "Record what is said, read it, and play it again",
		Long: `Record what clients and services say to each other, at a door that runs, and read recordings.

'lodoor run --record DIR' and record: in a configuration record from the start. The files are pcapng: Wireshark, tshark
and everything built on them open them.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newRecordStartCommand(), newRecordStopCommand(), newRecordFlushCommand(), newRecordFollowCommand())
	cmd.AddCommand(newRecordLsCommand(), newRecordShowCommand(), newRecordGrepCommand(), newRecordExportCommand(),
		newRecordStatsCommand(), newRecordPruneCommand(), newRecordReplayCommand())
	return cmd
}
