package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lodoor/lodoor/logsink/operations"
)

const queriesExamples = `  lodoor queries --since 1h                  what took the most time in the last hour
  lodoor queries --by n+1 --service pg       loops that ask one by one
  lodoor queries --follow                    what is asked at the doors that run, from now on
  lodoor queries --by slowest pg.pcapng      what a recording has
  lodoor queries --program shop --json       all figures, for other programs`

// queriesFlags are the command line of queries.
type queriesFlags struct {
	whichJournals
	recordings         whichRecordings
	follow, json       bool
	by                 queryOrder
	services, programs []string
	since, until       string
	protocol           string
	limit              int
	from, to           time.Time
}

func newQueriesCommand() *cobra.Command {
	f := &queriesFlags{}
	cmd := &cobra.Command{
		Use:     "queries [FILE|DIR...] [flags]",
		Short:   "Show what services are asked, what it costs, and what fails",
		Example: queriesExamples,
		Long: `Show what services are asked: statements by the time that they took, the slowest, errors, statements that a program asks
one by one where once would do (N+1), and transactions in which nothing happens.

It is read in the journals, which have what 'operations' has recorded there; with files and directories in recordings;
and with --follow at the doors that run, which need not record anything for that. Statements that differ in literals only
are one.

Without --by it is a page: the statements that took the most time, then what went wrong. Idle transactions and N+1 are
right only where all operations are there, not slow ones or a sample.`,
		PreRunE: f.check,
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.register(cmd.Flags())
	return cmd
}

func (f *queriesFlags) register(flags *pflag.FlagSet) {
	flags.Var(&f.by, "by", "`ORDER` total, slowest, calls, errors, program, n+1 or idle")
	flags.IntVar(&f.limit, "limit", 10, "only the first `N`; 0 is all")
	flags.BoolVarP(&f.follow, "follow", "f", false, "what is asked from now on, until Ctrl-C")
	flags.BoolVar(&f.json, "json", false, "one object a line, with whole texts; times are nanoseconds")
	flags.StringSliceVar(&f.services, "service", nil, "only this `SERVICE` (repeatable)")
	flags.StringSliceVar(&f.programs, "program", nil,
		"only what this `PROGRAM` asks, as psql, or what calls itself so (repeatable)")
	flags.StringVar(&f.since, "since", "", "only from `TIME` on: 30m, 2d, 2026-01-02, 2026-01-02T15:04:05Z")
	flags.StringVar(&f.until, "until", "", "only before `TIME`, in the same form")
	f.whichJournals.register(flags)
	flags.StringVar(&f.recordings.identity, "identity", "", "`FILE` with the age identity that decrypts recordings")
	flags.StringVar(&f.protocol, "protocol", "auto", "`WORD` for what recordings speak, where their beginning is missing")
}

// check is of flags that do not go together, or mean nothing.
func (f *queriesFlags) check(cmd *cobra.Command, args []string) (err error) {
	for _, pair := range [][2]string{{"instance", "dir"}, {"follow", "since"}, {"follow", "until"}} {
		if err := notBoth(pair[0], pair[1])(cmd, nil); err != nil {
			return err
		}
	}
	for _, name := range []string{"follow", "instance", "dir"} {
		if len(args) > 0 && cmd.Flags().Changed(name) {
			return usageError(fmt.Errorf("--%s and recordings do not go together; see '%s --help'", name, cmd.CommandPath()))
		}
	}
	for _, name := range []string{"identity", "protocol"} {
		if len(args) == 0 && cmd.Flags().Changed(name) {
			return usageError(fmt.Errorf("--%s is for recordings: name a file or a directory of them", name))
		}
	}
	if f.limit < 0 {
		return usageError(fmt.Errorf("--limit %d: expected a number of rows, or 0 for all", f.limit))
	}
	if f.from, f.to, err = parsePeriod(f.since, f.until, time.Now()); err != nil {
		return usageError(err)
	}
	return checkProtocol(f.protocol)
}

func (f *queriesFlags) run(cmd *cobra.Command, args []string) error {
	// Otherwise a reader that goes away, as head does, ends lodoor by a signal.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := f.show(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr(), args)
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

func (f *queriesFlags) show(ctx context.Context, out, errs io.Writer, args []string) error {
	q := &queries{
		services: f.services, programs: f.programs, from: f.from, to: f.to,
		view:  queryView{by: f.by, limit: f.limit, json: f.json, width: screenWidth(out), lines: textLines},
		table: operations.Table{Limits: operations.Limits{Idle: idleLeast}},
	}
	if f.follow {
		return f.followDoors(ctx, q, out, errs)
	}
	var unread error
	var err error
	if len(args) > 0 {
		unread, err = f.readRecordings(ctx, q, args, errs)
	} else {
		unread, err = f.readJournals(ctx, q, errs)
	}
	if err != nil {
		return err
	}
	if q.count == 0 && !f.json {
		fmt.Fprintln(errs, "lodoor: "+f.nothing(len(args) > 0))
		return unread
	}
	return errors.Join(q.show(out), unread)
}

// nothing says why there is nothing to show, and what would change that.
func (f *queriesFlags) nothing(recordings bool) string {
	switch {
	case len(f.services)+len(f.programs) > 0 || f.since+f.until != "":
		return "nothing was asked that matches"
	case recordings:
		return "the recordings have nothing in them that could be read as questions and answers"
	}
	return "the journals have no operations: 'lodoor run --operations all' (operations: {record: all}) records them, " +
		"--follow shows them without, and recordings have them too: name a file"
}

// queryOrder is what queries are shown by; empty is the page. It is a flag's value.
type queryOrder string

const (
	byPage    queryOrder = ""
	byTotal   queryOrder = "total"
	bySlowest queryOrder = "slowest"
	byCalls   queryOrder = "calls"
	byErrors  queryOrder = "errors"
	byProgram queryOrder = "program"
	byLoop    queryOrder = "n+1"
	byIdle    queryOrder = "idle"
)

func queryOrders() []string {
	return []string{
		string(byTotal), string(bySlowest), string(byCalls), string(byErrors), string(byProgram), string(byLoop), string(byIdle),
	}
}

func (o *queryOrder) String() string { return string(*o) }

// Set reads the flag.
func (o *queryOrder) Set(word string) error {
	if !slices.Contains(queryOrders(), word) {
		return fmt.Errorf("unknown order: expected one of %s", strings.Join(queryOrders(), ", "))
	}
	*o = queryOrder(word)
	return nil
}

// Type is the flag's kind, for its help.
func (o *queryOrder) Type() string { return "word" }
