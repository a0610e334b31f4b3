package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/probe"
)

// checkWithin is how long all attempts together may take.
const checkWithin = 10 * time.Second

const checkExamples = `  lodoor check 5432               localhost, 127.0.0.1 and ::1, as a client finds them
  lodoor check 127.0.0.1:62893    a door: the service behind it, then through the door
  lodoor check unix:/run/redis/redis.sock
  lodoor check --bind 8080        whether a server can have the port, or who has it`

// checkFlags are the command line of check.
type checkFlags struct{ json, bind bool }

func newCheckCommand() *cobra.Command {
	f := &checkFlags{}
	cmd := &cobra.Command{
		Use:     "check {PORT | HOST:PORT | unix:/PATH} [flags]",
		Short:   "Find out why an address does not answer, and what mends it",
		Example: checkExamples,
		Long: `Find out why an address does not answer, and what mends it.

It says what kind of port it is and who listens, connects as a client does, and ends with one line: ok, or whose fault
it is (network, rule, door or application), the cause, and the mend; the exit code is then 1.

It connects and says nothing, to this host only unless the address is another's. A door that is there sees a session
like any other: what its rules refuse is recorded and alerted.`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := flow.ParseEndpoint(args[0])
			if err == nil && f.bind && at.IsUnix() {
				err = errors.New("--bind is about ports")
			}
			if err != nil {
				return usageError(err)
			}
			return f.run(cmd, at)
		},
	}
	cmd.Flags().BoolVar(&f.bind, "bind", false, "try to take the port as a server does, instead of connecting to it")
	cmd.Flags().BoolVar(&f.json, "json", false, "one object in JSON")
	return cmd
}

// checkup is all that check has to say. Either Facts or Door is set.
type checkup struct {
	Facts   *probe.Facts   `json:"facts,omitempty"`
	Door    *probe.Passage `json:"door,omitempty"`
	Verdict probe.Verdict  `json:"verdict"`
	// Blind is why not all doors could be asked.
	Blind string `json:"doors_unknown,omitempty"`
}

func (f *checkFlags) run(cmd *cobra.Command, at flow.Endpoint) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), checkWithin)
	defer cancel()
	c := f.look(ctx, at)
	var err error
	if f.json {
		err = writeJSON(cmd.OutOrStdout(), c)
	} else {
		_, err = fmt.Fprint(cmd.OutOrStdout(), c.sheet(colored(cmd.OutOrStdout())))
	}
	if err == nil && c.Verdict.Class != probe.OK {
		return &exitError{code: exitFailure}
	}
	return err
}

// look collects the facts and judges them.
func (f *checkFlags) look(ctx context.Context, at flow.Endpoint) *checkup {
	c := &checkup{}
	if f.bind {
		c.Facts = probe.LookBind(ctx, at)
		c.Verdict = probe.Judge(c.Facts)
		return c
	}
	passing, err := doorAt(ctx, at)
	if err != nil {
		c.Blind = err.Error()
	}
	if passing == nil {
		c.Facts = probe.Look(ctx, at)
		c.Verdict = probe.Judge(c.Facts)
		return c
	}
	c.Door = passing.look(ctx)
	c.Verdict = probe.JudgeDoor(c.Door)
	return c
}
