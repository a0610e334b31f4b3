package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/logsink/coverage"
)

const reportExamples = `  lodoor report --since 30d              were all services covered in the last thirty days?
  lodoor report --service pg --json      what there is of one, for other programs`

// reportFlags are the command line of report.
type reportFlags struct {
	whichJournals
	since, until string
	services     []string
	json         bool
}

func newReportCommand() *cobra.Command {
	f := &reportFlags{}
	cmd := &cobra.Command{
		Use:     "report [flags]",
		Short:   "Prove from a journal when lodoor stood before each service, and when it did not",
		Example: reportExamples,
		Long: `Prove from a journal when lodoor stood before each service, and when it did not.

For each service it tells how much of the period is covered, the gaps and their reasons, sessions and refusals; for the
journal, which configurations were in force, and whether it is whole and unchanged. It ends with 1 when there is a gap, or
when the journal is not whole.

Without --dir and --instance these are the journals of all instances that can be read, each for itself. Without --since the
period begins with the journal; without --until it ends now.`,
		Args:    noArgs,
		PreRunE: notBoth("instance", "dir"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.since, "since", "", "only from `TIME` on: 30m, 2d, 2026-01-02, 2026-01-02T15:04:05Z")
	flags.StringVar(&f.until, "until", "", "only before `TIME`, in the same form")
	flags.StringSliceVar(&f.services, "service", nil, "only this `SERVICE` (repeatable)")
	flags.BoolVar(&f.json, "json", false, "an object for each journal")
	f.register(flags)
	return cmd
}

func (f *reportFlags) run(cmd *cobra.Command) error {
	now := time.Now()
	since, until, err := parsePeriod(f.since, f.until, now)
	if err != nil {
		return usageError(err)
	}
	dirs, err := f.find()
	if err != nil {
		return err
	}
	q := coverage.Question{Since: since, Until: until, Services: f.services, Now: now}
	covered, told := true, 0
	var failed, unknown []error
	for _, dir := range dirs {
		r, err := coverage.Read(dir, q)
		var other *coverage.UnknownServiceError
		switch {
		case errors.As(err, &other):
			unknown = append(unknown, err)
			continue
		case err != nil:
			failed = append(failed, err)
			continue
		}
		if err := f.tell(cmd, r, told); err != nil {
			return err
		}
		told++
		covered = covered && r.Covered
	}
	if told == 0 {
		failed = append(failed, unknown...) // otherwise the service is another instance's
	}
	if err := errors.Join(failed...); err != nil || covered {
		return err
	}
	return &exitError{code: exitFailure} // the report has said why
}

// instanceReport is a report with the name that people know the journal by.
type instanceReport struct {
	Instance string `json:"instance"`
	*coverage.Report
}

// tell prints a report; before is how many there were before it.
func (f *reportFlags) tell(cmd *cobra.Command, r *coverage.Report, before int) error {
	dir, err := filepath.Abs(r.Dir)
	if err != nil {
		dir = r.Dir
	}
	named := instanceReport{Instance: filepath.Base(dir), Report: r}
	out := cmd.OutOrStdout()
	if f.json {
		return writeJSON(out, named)
	}
	if before > 0 {
		fmt.Fprintln(out)
	}
	_, err = fmt.Fprint(out, reportSheet(&named, colored(out)))
	return err
}
