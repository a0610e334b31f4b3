package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// recordGrepFlags are the command line of record grep.
type recordGrepFlags struct {
	whichRecordings
	sessionChoice
	ignoreCase bool
	protocol   string
}

func newRecordGrepCommand() *cobra.Command {
	f := &recordGrepFlags{}
	cmd := &cobra.Command{
		Use:   "grep PATTERN [FILE|DIR...]",
		Short: "Search in what was said",
		Long: `Search for a regular expression in what both sides said, and in the statements that were read from it, which a protocol
may have cut into pieces. A packet's end is no end: what is searched are the streams of bytes. ^ and $ are the ends of
lines. What is longer than 4 KiB is found only where it is asked for with a pattern that says how long it is.

Each line tells the session, the time, the side (> the client, < the service), and what stands around the match. It ends
with 1 when nothing was found.`,
		Example: `  lodoor record grep 'UPDATE accounts' --since 1h
  lodoor record grep -i 'deadlock|timeout' --service pg
  lodoor record grep '^HTTP/1.1 5\d\d' --program curl`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(errors.New("say what to search for, a regular expression"))
			}
			return nil
		},
		PreRunE: func(*cobra.Command, []string) error {
			return errors.Join(f.parse(time.Now()), checkProtocol(f.protocol))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			signal.Ignore(syscall.SIGPIPE)
			err := f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), args[0], args[1:])
			if errors.Is(err, syscall.EPIPE) {
				return nil
			}
			return err
		},
	}
	f.whichRecordings.register(cmd.Flags())
	f.sessionChoice.register(cmd.Flags())
	cmd.Flags().BoolVarP(&f.ignoreCase, "ignore-case", "i", false, "letters match whether they are capital or small")
	cmd.Flags().StringVar(&f.protocol, "protocol", "auto", "what is spoken: auto, postgres, mysql, redis, http, none")
	return cmd
}

func (f *recordGrepFlags) run(ctx context.Context, out, errs io.Writer, text string, args []string) error {
	pattern, err := parsePattern(text, f.ignoreCase)
	if err != nil {
		return usageError(err)
	}
	found, err := f.find(ctx, args, errs)
	if err != nil {
		return err
	}
	files, err := f.catalogue(ctx, found)
	if err != nil {
		return err
	}
	f.needKeys(files)
	chosen, err := f.choose(files)
	if err != nil {
		return err
	}
	g := &grep{
		out: bufio.NewWriterSize(out, showBuffer), color: colored(out), pattern: pattern, within: f.at,
		decoder: newRecordDecoder(f.protocol, flow.StatementsText), sessions: map[*recording.Session]*grepped{},
	}
	for _, file := range files {
		if !file.has(chosen) {
			continue
		}
		o := f.keys
		o.Session = file.only(chosen)
		err := file.read(ctx, o, func(e *recording.Event) error {
			g.event(e)
			return ctx.Err()
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !file.torn {
			return err
		}
	}
	if err := errors.Join(g.out.Flush(), f.incomplete()); err != nil {
		return err
	}
	if g.matches == 0 {
		return &exitError{code: exitFailure}
	}
	return nil
}

// askedMax is how many matches are remembered until the statements that they are in have been read.
const askedMax = 1024

// grep searches sessions.
type grep struct {
	out      *bufio.Writer
	color    bool
	pattern  *streamPattern
	within   func(time.Time) bool
	decoder  *recordDecoder
	sessions map[*recording.Session]*grepped
	matches  uint64
}

// grepped is a session that is searched.
type grepped struct {
	streams [2]searchedStream
	// asked are the times at which something was found in what the client said: it is not found again as a statement.
	asked []time.Time
}

func (g *grep) event(e *recording.Event) {
	s := g.sessions[e.Session]
	if s == nil {
		s = &grepped{}
		g.sessions[e.Session] = s
	}
	if e.Kind == recording.Data {
		g.search(e.Session, s, 1-e.Direction, true) // the other side has said what it had to say
		s.streams[e.Direction].add(e.At, e.Payload)
		g.search(e.Session, s, e.Direction, e.Missing > 0)
		if e.Missing > 0 {
			s.streams[e.Direction].restart()
		}
	}
	told := g.decoder.event(e)
	if len(told.operations) > 0 || e.Kind == recording.Ended {
		g.search(e.Session, s, flow.FromClient, true)
	}
	for _, o := range told.operations {
		g.statement(e.Session, s, o)
	}
	if e.Kind == recording.Ended {
		g.search(e.Session, s, flow.FromBackend, true)
		delete(g.sessions, e.Session)
	}
}

// search shows what is found in what has come of a direction.
func (g *grep) search(of *recording.Session, s *grepped, d flow.Direction, final bool) {
	stream := &s.streams[d]
	stream.search(g.pattern, final, func(at time.Time, before, match, after []byte) {
		if d == flow.FromClient {
			s.asked = append(s.asked[max(0, len(s.asked)-askedMax):], at)
		}
		g.show(of, at, d, before, match, after)
	})
}

// statement searches what was read of a question, unless something was found in its bytes.
func (g *grep) statement(of *recording.Session, s *grepped, o *flow.Operation) {
	end := o.Started.Add(o.Asked)
	found := false
	rest := s.asked[:0]
	for _, at := range s.asked {
		switch {
		case at.After(end):
			rest = append(rest, at)
		case !at.Before(o.Started):
			found = true
			rest = append(rest, at) // of several questions in one piece nobody knows which
		}
	}
	s.asked = rest
	if found {
		return
	}
	text := []byte(questionText(o))
	if loc := g.pattern.anywhere.FindIndex(text); loc != nil {
		g.show(of, o.Started, flow.FromClient, text[:loc[0]], text[loc[0]:loc[1]], text[loc[1]:])
	}
}

// What is shown of a match and what is around it, in bytes; a line is some eighty columns then.
const (
	grepBefore = 14
	grepMatch  = 120
	grepLine   = 48
)

func (g *grep) show(of *recording.Session, at time.Time, d flow.Direction, before, match, after []byte) {
	if !g.within(at) {
		return
	}
	g.matches++
	cut := ""
	if len(match) > grepMatch {
		match, after, cut = match[:grepMatch], nil, "…"
	}
	shown := terminal.Visible(string(match)) + cut
	left := dotted(before[max(0, len(before)-grepBefore):])
	room := max(0, grepLine-len(left)-utf8.RuneCountInString(shown))
	right := dotted(after[:min(len(after), room)])
	if g.color {
		shown = "\x1b[1m" + shown + "\x1b[0m"
	}
	name := (&recordedSession{Session: *of}).short()
	fmt.Fprintf(g.out, "%s  %s %s %s%s%s\n", name, at.Local().Format("01-02 15:04:05.000"), sideMark(d), left, shown, right)
}

// dotted is what stands around a match: one character for each byte, and a dot for those that are not plain to see.
func dotted(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		if c < ' ' || c > '~' {
			c = '.'
		}
		out[i] = c
	}
	return string(out)
}
