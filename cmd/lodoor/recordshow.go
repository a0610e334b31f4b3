package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

// recordShowFlags are the command line of record show.
type recordShowFlags struct {
	whichRecordings
	hex, raw            bool
	leg, from, protocol string
}

func newRecordShowCommand() *cobra.Command {
	f := &recordShowFlags{}
	cmd := &cobra.Command{
		Use:   "show SESSION [FILE|DIR...]",
		Short: "Show a recorded session as a conversation",
		Long: `Show a recorded session as a conversation: what was asked, what came of it, and the time between. SESSION is the
beginning of its id, as 'lodoor record ls --sessions' and 'lodoor logs' show it.

The first column is the time since the session was accepted. The second is, of a question, how long its client let pass
since what was said before; and of an answer how long the client had to wait for all of it.

What nobody here can read is shown as it is: lines where it is text, and otherwise as --hex shows it.`,
		Example: `  lodoor record show k3v9
  lodoor record show k3v9 --hex | less
  lodoor record show k3v9 --raw --from service >answers.bin`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(errors.New("name a session; 'lodoor record ls --sessions' lists them"))
			}
			return nil
		},
		PreRunE: both(notBoth("hex", "raw"), func(cmd *cobra.Command, _ []string) error { return f.check(cmd) }),
		RunE: func(cmd *cobra.Command, args []string) error {
			signal.Ignore(syscall.SIGPIPE) // a pager that was left is no failure
			err := f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), args[0], args[1:])
			if errors.Is(err, syscall.EPIPE) {
				return nil
			}
			return err
		},
	}
	f.register(cmd.Flags())
	flags := cmd.Flags()
	flags.BoolVar(&f.hex, "hex", false, "all bytes, in hexadecimal")
	flags.BoolVar(&f.raw, "raw", false, "all bytes as they are; not for a terminal")
	flags.StringVar(&f.leg, "leg", "front", "which connection: `front` is the client's, back the service's")
	flags.StringVar(&f.from, "from", "", "with --hex and --raw: only what the `SIDE` client or service said")
	flags.StringVar(&f.protocol, "protocol", "auto", "what is spoken: auto, postgres, mysql, redis, http, none")
	return cmd
}

func (f *recordShowFlags) check(cmd *cobra.Command) error {
	switch {
	case f.leg != "front" && f.leg != "back":
		return usageError(fmt.Errorf("--leg %q: expected front or back", f.leg))
	case f.from != "" && f.from != "client" && f.from != "service":
		return usageError(fmt.Errorf("--from %q: expected client or service", f.from))
	case f.from != "" && !f.hex && !f.raw:
		return usageError(errors.New("--from goes with --hex or --raw: of a conversation both sides are shown"))
	case f.raw && isTerminal(cmd.OutOrStdout()):
		return usageError(errors.New("--raw is not for a terminal, which would obey it: pipe it into another program or a file"))
	}
	return checkProtocol(f.protocol)
}

func (f *recordShowFlags) run(ctx context.Context, out, errs io.Writer, prefix string, args []string) error {
	found, err := f.find(ctx, args, errs)
	if err != nil {
		return err
	}
	files, err := f.catalogue(ctx, found)
	if err != nil {
		return err
	}
	c := sessionChoice{sessions: []string{prefix}}
	chosen, err := c.choose(files)
	if err != nil {
		f.needKeys(files)
		return err
	}
	buffered := bufio.NewWriterSize(out, showBuffer)
	if err := f.show(ctx, buffered, colored(out), isTerminal(out), files, chosen); err != nil {
		return err
	}
	return buffered.Flush()
}

// recordShower shows a session in a form.
type recordShower interface {
	begin(parts []*recordedSession)
	event(e *recording.Event)
	end(last *recordedSession)
}

func (f *recordShowFlags) show(
	ctx context.Context, out *bufio.Writer, color, narrow bool, files []*recordedFile, chosen map[*recordedSession]bool,
) error {
	o := f.keys
	if f.leg == "back" {
		o.Leg = recording.LegBack
	}
	var show recordShower
	switch {
	case f.raw:
		show = &rawBytes{out: out, from: f.from}
	case f.hex:
		show = &hexDump{out: out, from: f.from, color: color}
	default:
		show = newConversation(out, color, narrow, f.protocol)
	}
	var parts []*recordedSession
	for _, file := range files {
		for _, s := range file.sessions {
			if chosen[s] {
				parts = append(parts, s)
			}
		}
	}
	show.begin(parts)
	for _, file := range files {
		if !file.has(chosen) {
			continue
		}
		o.Session = file.only(chosen)
		// Of a file that ends before it is whole the catalogue has told already.
		err := file.read(ctx, o, func(e *recording.Event) error {
			show.event(e)
			return ctx.Err()
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !file.torn {
			return err
		}
	}
	show.end(parts[len(parts)-1])
	return nil
}

// saidBy says whether a direction is shown; from is empty, client or service.
func saidBy(from string, d flow.Direction) bool {
	return from == "" || from == "client" == (d == flow.FromClient)
}

// rawBytes writes payload as it is.
type rawBytes struct {
	out  *bufio.Writer
	from string
}

func (*rawBytes) begin([]*recordedSession) {}
func (*rawBytes) end(*recordedSession)     {}

func (r *rawBytes) event(e *recording.Event) {
	if e.Kind == recording.Data && saidBy(r.from, e.Direction) {
		_, _ = r.out.Write(e.Payload) // its error stays, and comes with the flush
	}
}
