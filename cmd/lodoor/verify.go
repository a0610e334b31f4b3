package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/logsink/journal"
)

func newVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [DIR]",
		Short: "Check that a journal is whole and unchanged",
		Long: `Check that a journal is whole and unchanged: its numbers have no gap, its chain of hashes holds, each session that was
opened was closed once, and what is missing at the beginning was erased by lodoor itself.

Without DIR these are the journals of all instances that can be read. It ends with 1 and names the file and the line
where something is wrong. What a chain cannot find is in docs/record-format.md.`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			dirs, err := journalsOr(cmd, args)
			if err != nil {
				return err
			}
			return verifyAll(cmd, dirs)
		},
	}
}

// journalsOr are the directories that a command line names, or else the journals of all instances.
func journalsOr(cmd *cobra.Command, named []string) ([]string, error) {
	if len(named) > 0 {
		return named, nil
	}
	dirs, err := journal.Dirs()
	if err == nil && len(dirs) == 0 {
		err = fmt.Errorf("there is no journal yet: 'lodoor run' writes one; name the directory of another with '%s DIR'",
			cmd.CommandPath())
	}
	return dirs, err
}

// verifyAll prints a line for each journal that is well, and returns what is wrong with the others.
func verifyAll(cmd *cobra.Command, dirs []string) error {
	var wrong []error
	for _, dir := range dirs {
		report, err := journal.Verify(dir)
		switch {
		case err != nil:
			wrong = append(wrong, err)
		case report.Problem != nil:
			wrong = append(wrong, fmt.Errorf("%s%c%w", dir, filepath.Separator, report.Problem))
		default:
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), describe(report)); err != nil {
				return err
			}
		}
	}
	return errors.Join(wrong...)
}

// describe says in a line what a journal has, when all is well with it.
func describe(r *journal.Report) string {
	parts := []string{fmt.Sprintf("%s: whole and unchanged: %s, %s", r.Dir, plural(r.Records, "record"),
		plural(r.Opens, "session"))}
	add := func(n uint64, format string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(format, n))
		}
	}
	add(r.Pruned, "records 1 to %d erased as the limits say")
	add(r.Dropped, "%d dropped and accounted for")
	if len(r.Torn) > 0 {
		parts = append(parts, "set aside after a crash: "+strings.Join(r.Torn, " "))
	}
	if r.Running {
		parts = append(parts, writerOf(r))
	}
	return strings.Join(parts, "; ")
}

func writerOf(r *journal.Report) string {
	who := "being written"
	if r.Writer != 0 {
		who += fmt.Sprintf(" by process %d", r.Writer)
	}
	return fmt.Sprintf("%s, %d open", who, r.Open)
}
