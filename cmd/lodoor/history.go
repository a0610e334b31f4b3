package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// laterHistory is the history as a destination that is opened by its feed: nobody who wants to come in waits for that.
type laterHistory struct {
	config history.Config
	store  *history.Store // nil until it was opened
}

func (d *door) newHistory() *laterHistory {
	return &laterHistory{config: history.Config{
		Settings: d.config.History, Dir: d.journal.Dir(), KeepFree: d.journal.Settings().KeepFree, Host: d.host,
		Warn: func(err error) { d.say.warn(err.Error()) },
	}}
}

func (h *laterHistory) Name() string { return "history" }

func (h *laterHistory) Wants(flow.Event) bool { return true }

// Resume opens the store, when it is not open.
func (h *laterHistory) Resume(ctx context.Context, id string) (flow.Identity, error) {
	if h.store == nil {
		store, err := history.Open(ctx, h.config)
		if err != nil {
			return flow.Identity{}, err
		}
		h.store = store
	}
	return h.store.Resume(ctx, id)
}

func (h *laterHistory) Deliver(ctx context.Context, entries []journal.Entry) (int, error) {
	if h.store == nil {
		return 0, errors.New("history: the store is not open") // a feed asks Resume first
	}
	return h.store.Deliver(ctx, entries)
}

func (h *laterHistory) Close() error {
	if h.store == nil {
		return nil
	}
	return h.store.Close()
}

func newHistoryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Make the store that 'lodoor logs' searches anew",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newRebuildCommand())
	return cmd
}

func newRebuildCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rebuild [DIR]",
		Short: "Build the history of a journal anew from its segments",
		Long: `Build the history of a journal anew from its segments: the SQLite file beside them. Records that the journal has
erased meanwhile are then no longer in the history. A door that feeds it must have ended.

Without DIR these are the journals of all instances that can be written.`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			dirs, err := journalsOr(cmd, args)
			if err != nil {
				return err
			}
			var wrong []error
			for _, dir := range dirs {
				wrong = append(wrong, rebuildHistory(cmd, dir))
			}
			return errors.Join(wrong...)
		},
	}
}

// rebuildHistory shows how far it is, where a person looks on.
func rebuildHistory(cmd *cobra.Command, dir string) error {
	var records uint64
	shown := isTerminal(cmd.ErrOrStderr())
	err := history.Rebuild(cmd.Context(), dir, func(done, total uint64) {
		records = done
		if shown {
			fmt.Fprintf(cmd.ErrOrStderr(), "\r%s: %d of %d records", dir, done, total)
		}
	})
	if shown {
		fmt.Fprintln(cmd.ErrOrStderr())
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: the history has %s\n", dir, plural(records, "record"))
	return err
}
