package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// recordPruneFlags are the command line of record prune.
type recordPruneFlags struct {
	dirs            []string
	olderThan, keep string
	dryRun          bool
	age             time.Duration
	size            flow.Size
}

func newRecordPruneCommand() *cobra.Command {
	f := &recordPruneFlags{}
	cmd := &cobra.Command{
		Use:   "prune [--older-than TIME] [--keep-size SIZE] [--dry-run]",
		Short: "Remove old recordings",
		Long: `Remove recordings, the oldest first: those into which nothing has been written for a time, and as many as are too many
for a size. It asks nothing, and says what it has removed; --dry-run says what it would remove.

It removes finished files with names that lodoor gave, and no others: nothing that is being written, nothing that a crash
has left (a door that starts finishes those), no copies under other names.`,
		Example: `  lodoor record prune --older-than 7d --dry-run
  lodoor record prune --keep-size 1GiB --dir /var/tmp/lodoor`,
		Args:    noArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error { return f.check(cmd) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			dirs := f.dirs
			if len(dirs) == 0 {
				dirs = usualRecordings(cmd.Context())
			}
			return f.run(cmd.OutOrStdout(), dirs, time.Now())
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.dirs, "dir", nil, "the recordings in `DIR` (repeatable)")
	flags.StringVar(&f.olderThan, "older-than", "", "those that were last written this `TIME` ago: 12h, 7d")
	flags.StringVar(&f.keep, "keep-size", "", "the oldest ones until the rest takes this `SIZE` at most: 1GiB")
	flags.BoolVar(&f.dryRun, "dry-run", false, "say what would be removed, and remove nothing")
	return cmd
}

func (f *recordPruneFlags) check(cmd *cobra.Command) error {
	older, keep := cmd.Flags().Changed("older-than"), cmd.Flags().Changed("keep-size")
	if !older && !keep {
		return usageError(errors.New("say which recordings go: --older-than 7d, --keep-size 1GiB, or both"))
	}
	if older {
		age, err := configs.ParseDuration(f.olderThan)
		if err != nil || age <= 0 {
			return usageError(fmt.Errorf("--older-than %q: expected how long ago, as in 12h or 7d", f.olderThan))
		}
		f.age = age
	}
	f.size = -1
	if keep {
		if err := f.size.UnmarshalText([]byte(f.keep)); err != nil {
			return usageError(fmt.Errorf("--keep-size: %w", err))
		}
	}
	return nil
}

// prunable is a finished recording.
type prunable struct {
	path    string
	size    flow.Size
	changed time.Time
}

func (f *recordPruneFlags) run(out io.Writer, dirs []string, now time.Time) error {
	var all []prunable
	for _, dir := range dirs {
		some, err := prunableIn(dir)
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b prunable) int {
		return cmp.Or(a.changed.Compare(b.changed), cmp.Compare(a.path, b.path))
	})
	var errs []error
	var total, freed flow.Size
	for i := range all {
		total += all[i].size
	}
	removed := uint64(0)
	for i := range all {
		r := &all[i]
		old := f.age > 0 && now.Sub(r.changed) > f.age
		tooMany := f.size >= 0 && total > f.size
		if !old && !tooMany {
			continue
		}
		if err := f.remove(r.path); err != nil {
			errs = append(errs, err)
			continue
		}
		total -= r.size
		freed += r.size
		removed++
		fmt.Fprintf(out, "%s  %8s  %s\n", r.changed.Local().Format(time.DateTime), r.size.Human(), terminal.Visible(r.path))
	}
	said := "removed"
	if f.dryRun {
		said = "would be removed"
	}
	_, err := fmt.Fprintf(out, "%s, %s %s; %s, %s stay\n", plural(removed, "recording"), freed.Human(), said,
		plural(uint64(len(all))-removed, "recording"), total.Human())
	return errors.Join(append(errs, err)...)
}

func (f *recordPruneFlags) remove(path string) error {
	if f.dryRun {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a recording: %w", err)
	}
	return nil
}

// prunableIn lists the finished recordings in a directory.
func prunableIn(dir string) ([]prunable, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for recordings: %w", err)
	}
	var some []prunable
	for _, e := range entries {
		name, ours := block.ParseFileName(e.Name())
		if !ours || name.Unfinished() || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return some, fmt.Errorf("look at a recording: %w", err)
		}
		some = append(some, prunable{filepath.Join(dir, e.Name()), flow.Size(info.Size()), info.ModTime()})
	}
	return some, nil
}
