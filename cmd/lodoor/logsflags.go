package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/proxy/flow"
)

// logsFlags are the command line of logs.
type logsFlags struct {
	whichJournals
	follow, json, csv, stats bool
	want                     history.Filter
	events                   []string
	session, grep            string
	since, until             string
	from                     logSource
}

func (f *logsFlags) register(flags *pflag.FlagSet) {
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with what is written from now on, until Ctrl-C")
	flags.BoolVar(&f.json, "json", false, "the lines as they stand in the journal")
	flags.BoolVar(&f.csv, "csv", false, "a table, for spreadsheets (RFC 4180)")
	flags.BoolVar(&f.stats, "stats", false, "counts, bytes and durations of all that matches, on a page")
	flags.StringSliceVar(&f.want.Services, "service", nil, "only this `SERVICE` (repeatable)")
	flags.StringSliceVar(&f.events, "event", nil, "only this `EVENT`, as session.refused (repeatable)")
	flags.StringSliceVar(&f.want.Programs, "program", nil,
		"only records that tell this `PROGRAM`, as psql; node is every node (repeatable)")
	flags.StringSliceVar(&f.want.Users, "user", nil, "only records that tell this `USER`, a name or a number (repeatable)")
	flags.StringSliceVar(&f.want.Zones, "zone", nil, "only records that tell this `ZONE`, as lan (repeatable)")
	flags.StringSliceVar(&f.want.Verdicts, "verdict", nil, "only `VERDICT` allow, deny or would_deny (repeatable)")
	flags.StringVar(&f.session, "session", "", "only the session whose id begins with `PREFIX`")
	flags.StringVar(&f.grep, "grep", "", "only what `REGEXP` matches in the line as --json shows it")
	flags.StringVar(&f.since, "since", "", "only from `TIME` on: 30m, 2d, 2026-01-02, 2026-01-02T15:04:05Z")
	flags.StringVar(&f.until, "until", "", "only before `TIME`, in the same form")
	flags.IntVar(&f.want.Limit, "limit", 0, "only the last `N`")
	flags.Var(&f.from, "from", "`WHERE` it is read: segments of the journal, store, or auto: the store where there is one")
	f.whichJournals.register(flags)
}

// check is of flags that say the same in two ways, or what cannot be done together.
func (f *logsFlags) check(cmd *cobra.Command, _ []string) error {
	for _, pair := range [][2]string{
		{"instance", "dir"}, {"json", "csv"}, {"json", "stats"}, {"csv", "stats"}, {"follow", "stats"}, {"follow", "until"},
		{"limit", "stats"},
	} {
		if err := notBoth(pair[0], pair[1])(cmd, nil); err != nil {
			return err
		}
	}
	if cmd.Flags().Changed("limit") && f.want.Limit < 1 {
		return usageError(fmt.Errorf("--limit %d: expected a number of records, at least 1", f.want.Limit))
	}
	return nil
}

// view is the view that the flags ask for.
func (f *logsFlags) view(out, errs io.Writer) (*logView, error) {
	want := f.want
	var err error
	if want.Since, want.Until, err = parsePeriod(f.since, f.until, time.Now()); err != nil {
		return nil, err
	}
	if f.follow && f.since == "" && f.session == "" && want.Limit == 0 {
		want.Since = time.Now()
	}
	for _, name := range f.events {
		var e flow.Event
		if err := e.UnmarshalText([]byte(name)); err != nil {
			return nil, fmt.Errorf("--event: %w", err)
		}
		want.Events = append(want.Events, e)
	}
	if want.Grep, err = parseGrep(f.grep); err != nil {
		return nil, err
	}
	if err := want.Validate(); err != nil {
		return nil, flagErrors(err)
	}
	return newLogView(f.shower(out), errs, want, f.from), nil
}

// shower is the form that the flags ask for.
func (f *logsFlags) shower(out io.Writer) shower {
	switch {
	case f.json:
		return newJSONLines(out)
	case f.csv:
		return newLogTable(out)
	case f.stats:
		return newLogStats(out)
	default:
		return newLogLines(out, colored(out), len(f.events) > 0)
	}
}

// flagErrors makes flags of the fields that errors begin with.
func flagErrors(err error) error {
	lines := strings.Split(err.Error(), "\n")
	return errors.New("--" + strings.Join(lines, "\n--"))
}

// parseGrep reads a regular expression; an empty one is nil, which matches everything.
func parseGrep(s string) (*regexp.Regexp, error) {
	if s == "" {
		return nil, nil
	}
	re, err := regexp.Compile(s)
	var wrong *syntax.Error
	if errors.As(err, &wrong) {
		place := utf8.RuneCountInString(s[:max(0, strings.Index(s, wrong.Expr))]) + 1
		return nil, fmt.Errorf("--grep %q: %s: %q, at character %d; expected a regular expression of RE2, "+
			"https://golang.org/s/re2syntax", s, wrong.Code, wrong.Expr, place)
	}
	return re, err
}

// logSource is where records are read; it is a flag's value.
type logSource string

const (
	fromAuto     logSource = "auto"
	fromSegments logSource = "segments"
	fromStore    logSource = "store"
)

func (s *logSource) String() string {
	if *s == "" {
		return string(fromAuto)
	}
	return string(*s)
}

// Set reads the flag.
func (s *logSource) Set(word string) error {
	switch w := logSource(word); w {
	case fromAuto, fromSegments, fromStore:
		*s = w
		return nil
	default:
		return fmt.Errorf("unknown source: expected %s, %s or %s", fromAuto, fromSegments, fromStore)
	}
}

// Type is the flag's kind, for its help.
func (s *logSource) Type() string { return "word" }
