package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// watchEvery is how often a list that is watched is made anew.
const watchEvery = time.Second

const whoExamples = `  lodoor who               who is connected through the doors that run
  lodoor who --watch       the same, once a second
  lodoor who 5432          who is connected to local port 5432, through a door or past it, and who listens there`

// whoFlags are the command line of who.
type whoFlags struct {
	whichDoor
	config      string
	json, watch bool
}

func newWhoCommand() *cobra.Command {
	f := &whoFlags{}
	cmd := &cobra.Command{
		Use:     "who [PORT] [flags]",
		Short:   "Show who is connected, and with what program",
		Example: whoExamples,
		Long: `Show who is connected, and with what program.

Without a port these are the open sessions of the doors that run. With one they are all connections of this host to and
from it, relayed or not, and who listens there: no door has to run for that. Which programs are forwarders, and how much of
command lines is shown, is read from the configuration that run would use.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(errors.New("one port at most can be given"))
			}
			return nil
		},
		PreRunE: notBoth("instance", "dir"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				if f.config != "" {
					return usageError(errors.New("--config goes with a port: doors that run have a configuration of their own"))
				}
				return f.run(cmd, f.doors)
			}
			port, err := flow.ParsePort(args[0])
			if err != nil {
				return usageError(err)
			}
			how, err := f.howToLook(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return f.run(cmd, func(ctx context.Context, w io.Writer) error { return f.port(ctx, w, port, how) })
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().StringVar(&f.config, "config", "", "with a port: the configuration `FILE`, instead of the usual one")
	cmd.Flags().BoolVar(&f.json, "json", false, "one object a line; sessions have the journal's form")
	cmd.Flags().BoolVarP(&f.watch, "watch", "w", false, "show it again every second, until Ctrl-C")
	return cmd
}

// run looks once, or again and again.
func (f *whoFlags) run(cmd *cobra.Command, look func(context.Context, io.Writer) error) error {
	if !f.watch {
		return look(cmd.Context(), cmd.OutOrStdout())
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGPIPE)
	out := cmd.OutOrStdout()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		var b bytes.Buffer
		if err := look(ctx, &b); err != nil {
			return endOfWatch(ctx, err)
		}
		if !f.json && isTerminal(out) {
			fmt.Fprint(out, "\x1b[H\x1b[2J") // to the upper left, and nothing left of the last one (ECMA-48)
		}
		if _, err := out.Write(b.Bytes()); err != nil {
			return endOfWatch(ctx, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// endOfWatch makes an end that was asked for no failure.
func endOfWatch(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// doors lists the sessions of the doors.
func (f *whoFlags) doors(ctx context.Context, w io.Writer) error {
	sessions, err := f.sessions(ctx)
	if err != nil {
		return err
	}
	if f.json {
		for i := range sessions {
			if err := writeJSON(w, &sessions[i].Session); err != nil {
				return err
			}
		}
		return nil
	}
	if len(sessions) == 0 {
		_, err := fmt.Fprintln(w, "nobody is connected")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SESSION\tSERVICE\tWHO\tFROM\tFOR\tIN\tOUT\tBACKEND SEES")
	for i := range sessions {
		s := &sessions[i]
		in, out, leg := "-", "-", "not connected yet"
		if s.Running {
			in, out = flow.Size(s.FromClient).String(), flow.Size(s.FromBackend).String()
			leg = cmp.Or(s.Leg, "lodoor's user") // of a Unix socket, which has no address
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Record.Session.Short(), s.Service, s.who(), s.from(),
			ago(s.Time), in, out, leg)
	}
	return table.Flush()
}

// ago is how long a session has been open, as people say it.
func ago(t time.Time) string { return time.Since(t).Truncate(time.Second).String() }

// who is the peer's program and user in a few words.
func (s *openSession) who() string { return describeOrigin(s.Origin) }

// describeOrigin is a program, its process and its user in a few words.
func describeOrigin(o *flow.Origin) string {
	if o == nil || !o.Known() {
		return "unknown"
	}
	user := o.User
	if user == "" {
		user = "uid " + strconv.FormatUint(uint64(o.UID), 10)
	}
	if o.PID == 0 {
		return "user " + terminal.Visible(user)
	}
	program := o.Program
	if program == "" {
		program = "a process"
	}
	text := fmt.Sprintf("%s (pid %d, %s)", terminal.Visible(program), o.PID, terminal.Visible(user))
	if more := len(o.Processes()) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// from is where the peer is: its address and, beyond a forwarder or a proxy, who is there.
func (s *openSession) from() string {
	if s.Peer == nil {
		return "unknown"
	}
	at := s.Peer.Zone.String()
	if s.Peer.Addr.IsValid() {
		at = s.Peer.Addr.String()
	}
	if !s.Peer.Zone.Local() {
		at += " (" + s.Peer.Zone.String() + ")"
	}
	if c := s.Peer.Conveyed; c != nil {
		at = c.Client.String() + " (" + c.Zone.String() + ") by way of " + at
	}
	if s.Origin == nil || s.Origin.Forwarder == nil {
		return at
	}
	return at + ", for " + beyond(s.Origin.Forwarder)
}

// beyond is for whom a forwarder carries a connection.
func beyond(f *flow.Forwarder) string {
	name := terminal.Visible(f.Name)
	switch {
	case f.Far.IsValid():
		return f.Far.Addr().String() + " (" + f.Zone.String() + ")"
	case f.Own:
		return "this machine's own " + name
	case f.Zone != flow.ZoneUnknown:
		return "somebody beyond " + name + " (" + f.Zone.String() + ")"
	default:
		return "somebody beyond " + name
	}
}

// peer is who is meant, in a line.
func (s *openSession) peer() string { return strings.Join([]string{s.who(), "at", s.from()}, " ") }
