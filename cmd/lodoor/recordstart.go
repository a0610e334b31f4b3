package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/console/control"
)

// oneService takes the name of one service.
func oneService(_ *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return usageError(errors.New("name one service; 'lodoor status' lists them"))
	}
	return nil
}

func newRecordStartCommand() *cobra.Command {
	a := &askedDoor{}
	var span, when string
	cmd := &cobra.Command{
		Use:   "start SERVICE [--for TIME] [--when EXPR]",
		Short: "Record the sessions of a service that begin from now on",
		Long: `Record the sessions of a service of a door that runs, those that begin from now on: one that is open is not recorded
any more than it was. Passwords are overwritten where the protocol is known.

The files go where the configuration says, and otherwise beside the door's journal.`,
		Example: `  lodoor record start postgres --for 60s
  lodoor record start postgres --when 'process.program == "psql"'`,
		Args: oneService,
	}
	cmd.Flags().StringVar(&span, "for", "", "how long, as `TIME` 60s or 1h; without it until 'record stop'")
	cmd.Flags().StringVar(&when, "when", "", "which sessions, as an `EXPR` of a rule's when")
	a.registerBy(cmd)
	return a.command(cmd, func(ctx context.Context, c *control.Client, args []string) (string, error) {
		r := control.RecordingRequest{Service: args[0], By: a.person(), When: when}
		if span != "" {
			d, err := configs.ParseDuration(span)
			if err != nil || d <= 0 {
				return "", usageError(fmt.Errorf("--for %q: expected how long, as in 60s or 1h", span))
			}
			r.For = d
		}
		begun, err := c.StartRecording(ctx, r)
		if err != nil {
			return "", err
		}
		return recordingWords(&begun), nil
	})
}

// recordingWords say what is recorded, and what is not.
func recordingWords(r *control.Recording) string {
	said := "sessions of " + r.Service + " that begin from now on are recorded"
	if r.Ring {
		said = "the last moments of " + r.Service + " are kept in memory"
	}
	if !r.Until.IsZero() {
		said += " until " + zonedTime(r.Until)
	}
	return said + ", to " + r.Dir + "; " + r.Redacts
}

func newRecordStopCommand() *cobra.Command {
	a := &askedDoor{}
	cmd := &cobra.Command{
		Use:   "stop SERVICE",
		Short: "End a recording that was started",
		Long: `End a recording that 'lodoor record start' began, and finish its files: sessions that go on are recorded no further.
What the configuration records goes on.`,
		Args: oneService,
	}
	return a.command(cmd, func(ctx context.Context, c *control.Client, args []string) (string, error) {
		ended, err := c.StopRecording(ctx, args[0])
		if err != nil {
			return "", err
		}
		lines := []string{fmt.Sprintf("%s of %s recorded", plural(ended.Sessions, "session"), ended.Service)}
		return strings.Join(append(lines, ended.Files...), "\n"), nil
	})
}

func newRecordFlushCommand() *cobra.Command {
	a := &askedDoor{}
	cmd := &cobra.Command{
		Use:   "flush [SERVICE]",
		Short: "Write what the rings of a door hold",
		Long: `Write what the rings hold (record.ring): the last moments of a service, or of all services, become a file. The same
happens by itself when an alert fires.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(errors.New("name one service, or none for all"))
			}
			return nil
		},
	}
	return a.command(cmd, func(ctx context.Context, c *control.Client, args []string) (string, error) {
		service := ""
		if len(args) == 1 {
			service = args[0]
		}
		files, err := c.FlushRecording(ctx, service, "asked for by "+a.person())
		if err != nil {
			return "", err
		}
		lines := make([]string, 0, len(files))
		for _, f := range files {
			lines = append(lines, flushedWords(&f))
		}
		return strings.Join(lines, "\n"), nil
	})
}

func flushedWords(f *control.Flushed) string {
	if f.Packets == 0 {
		return f.Service + ": nothing was said, and there is nothing to write"
	}
	return fmt.Sprintf("%s: %s of %s, back to %s ago: %s", f.Service, plural(f.Packets, "packet"), plural(f.Sessions, "session"),
		shownSpan(f.Reaches), f.File)
}
