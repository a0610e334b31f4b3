package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

const logsExamples = `  lodoor logs --since 1h                     what happened in the last hour, in all journals
  lodoor logs --follow --service pg          what happens from now on
  lodoor logs --session k3v9                 everything about one session
  lodoor logs --program psql --user ada      what was told of ada's psql, opens, origins and closes
  lodoor logs --event session.refused --json the lines of the journal, for other programs`

// logsFlags are the command line of logs.
type logsFlags struct {
	follow, json   bool
	services       []string
	events         []string
	programs       []string
	users          []string
	dirs           []string
	instance       string
	session, since string
}

func newLogsCommand() *cobra.Command {
	f := &logsFlags{}
	cmd := &cobra.Command{
		Use:     "logs [flags]",
		Short:   "Show what the journals have",
		Example: logsExamples,
		Long: `Show what the journals have, straight from their files, in the order of time.

Without --dir and --instance these are the journals of all instances that can be read. Damaged lines are told on
standard error and left out; 'lodoor verify' looks closer.`,
		Args:    noArgs,
		PreRunE: notBoth("instance", "dir"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return showLogs(cmd, f) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with what is written from now on, until Ctrl-C")
	flags.BoolVar(&f.json, "json", false, "the lines as they stand in the journal")
	flags.StringSliceVar(&f.services, "service", nil, "only this `SERVICE` (repeatable)")
	flags.StringSliceVar(&f.events, "event", nil, "only this `EVENT`, as session.refused (repeatable)")
	flags.StringSliceVar(&f.programs, "program", nil,
		"only records that tell this `PROGRAM`, as psql; node is every node (repeatable)")
	flags.StringSliceVar(&f.users, "user", nil, "only records that tell this `USER`, a name or a number (repeatable)")
	flags.StringVar(&f.session, "session", "", "only the session whose id begins with `PREFIX`")
	flags.StringVar(&f.since, "since", "", "only from `TIME` on: 30m, 2d, 2026-01-02, 2026-01-02T15:04:05Z")
	flags.StringArrayVar(&f.dirs, "dir", nil, "the journal in `DIR` (repeatable)")
	flags.StringVar(&f.instance, "instance", "", "the journal of this instance `NAME`")
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
	if f.session != "" {
		if v.want.session, err = v.resolve(dirs, f.session); err != nil {
			return err
		}
	}
	// Otherwise a reader that goes away, as head does, ends lodoor by a signal.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if f.follow {
		err = v.follow(ctx, dirs, f.find)
	} else {
		err = v.past(ctx, dirs)
	}
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return errors.Join(err, v.damage())
}

// view is the view that the flags ask for.
func (f *logsFlags) view(out, errs io.Writer) (*logView, error) {
	since, err := parseSince(f.since, time.Now())
	if err != nil {
		return nil, err
	}
	if f.follow && f.since == "" && f.session == "" {
		since = time.Now()
	}
	want := logFilter{services: f.services, programs: f.programs, users: f.users}
	for _, name := range f.events {
		var e flow.Event
		if err := e.UnmarshalText([]byte(name)); err != nil {
			return nil, err
		}
		want.events = append(want.events, e)
	}
	file, isFile := out.(*os.File)
	color := isFile && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == ""
	return newLogView(out, errs, f.json, color, since, want), nil
}

// parseSince reads a duration before now, or a time; a time without an offset is local.
func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := configs.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--since %q: expected how long ago, as in 30m, 1h or 2d, or a time, as in 2026-01-02 "+
		"or 2026-01-02T15:04:05Z", s)
}

// find lists the journals to show.
func (f *logsFlags) find() ([]string, error) {
	if len(f.dirs) > 0 {
		for _, dir := range f.dirs {
			if err := hasJournal(dir); err != nil {
				return nil, err
			}
		}
		return f.dirs, nil
	}
	all, err := journal.Dirs()
	if err != nil {
		return nil, fmt.Errorf("look for journals: %w", err)
	}
	if len(all) == 0 {
		return nil, errors.New("there is no journal yet: 'lodoor run' writes one, unless --journal is off; " +
			"one in another place is named with --dir DIR")
	}
	if f.instance == "" {
		return all, nil
	}
	dirs := slices.DeleteFunc(slices.Clone(all), func(dir string) bool { return filepath.Base(dir) != f.instance })
	if len(dirs) == 0 {
		return nil, fmt.Errorf("there is no journal of instance %q; there is %s", f.instance, instances(all))
	}
	return dirs, nil
}

// hasJournal says what is wrong with a directory that somebody named.
func hasJournal(dir string) error {
	if _, err := os.ReadDir(dir); err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(escapeGlob(dir), "journal-*.jsonl"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("there is no journal in %s", dir)
	}
	return err
}

// escapeGlob makes a path mean itself to filepath.Glob.
func escapeGlob(path string) string {
	return strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(path)
}

func instances(dirs []string) string {
	names := make([]string, len(dirs))
	for i, dir := range dirs {
		names[i] = filepath.Base(dir)
	}
	return strings.Join(names, ", ")
}

// resolve finds the session that a person means.
func (v *logView) resolve(dirs []string, prefix string) (flow.SessionID, error) {
	prefix = strings.ToLower(prefix)
	found := make(map[flow.SessionID]string)
	const enough = 6 // to say that it is ambiguous
	for e, err := range v.merged(context.Background(), dirs) {
		id := e.Record.Session
		if err == nil && found[id] == "" && !id.IsZero() && strings.HasPrefix(id.String(), prefix) {
			at := e.Record.Time.Local().Format(time.DateTime)
			found[id] = terminal.Visible(fmt.Sprintf("%s (%s, %s)", id, e.Record.Service, at))
		}
		if len(found) == enough {
			break
		}
	}
	list := make([]string, 0, len(found))
	for id, words := range found {
		if len(found) == 1 {
			return id, nil
		}
		list = append(list, words)
	}
	if len(list) == 0 {
		return flow.SessionID{}, fmt.Errorf("there is no session whose id begins with %q", prefix)
	}
	slices.Sort(list)
	if len(list) == enough {
		list = append(list[:enough-1], "more")
	}
	return flow.SessionID{}, fmt.Errorf("%q begins the ids of several sessions: %s", prefix, strings.Join(list, ", "))
}
