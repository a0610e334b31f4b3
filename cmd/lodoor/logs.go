package main

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

const logsExamples = `  lodoor logs --since 1h                     what happened in the last hour, in all journals
  lodoor logs --follow --service pg          what happens from now on
  lodoor logs --session k3v9                 everything about one session
  lodoor logs --program psql --user ada      what was told of ada's psql, opens, origins and closes
  lodoor logs --verdict deny --limit 20      the last twenty times that somebody was not let in
  lodoor logs --since 7d --stats             the last week on a page
  lodoor logs --event session.refused --json the lines of the journal, for other programs`

func newLogsCommand() *cobra.Command {
	f := &logsFlags{}
	cmd := &cobra.Command{
		Use:     "logs [flags]",
		Short:   "Show what the journals have",
		Example: logsExamples,
		Long: `Show what the journals have, in the order of time.

Without --dir and --instance these are the journals of all instances that can be read. Damaged lines are told on
standard error and left out; 'lodoor verify' looks closer. Lines for people leave heartbeats out, unless --event asks for
them.`,
		Args:    noArgs,
		PreRunE: f.check,
		RunE:    func(cmd *cobra.Command, _ []string) error { return showLogs(cmd, f) },
	}
	f.register(cmd.Flags())
	return cmd
}

func showLogs(cmd *cobra.Command, f *logsFlags) error {
	v, err := f.view(cmd.OutOrStdout(), cmd.ErrOrStderr())
	if err != nil {
		return usageError(err)
	}
	dirs, err := f.find()
	if err != nil {
		return err
	}
	// Otherwise a reader that goes away, as head does, ends lodoor by a signal.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if f.follow {
		err = v.follow(ctx, dirs, f.session, f.find)
	} else {
		err = v.past(ctx, dirs, f.session)
	}
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return errors.Join(err, v.damage())
}
