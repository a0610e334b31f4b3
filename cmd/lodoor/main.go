// Command lodoor is the door on lo: a relay in front of a local service that says who came through, lets in only who
// may, and speaks up when somebody who is not local knocks.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes, as in sysexits(3) where it has them.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitConfig  = 78
)

// exitError is an error that ends lodoor with a code of its own. A nil err prints nothing.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError is a command line that cannot be obeyed.
func usageError(err error) error { return &exitError{exitUsage, err} }

// configError is a configuration that cannot be obeyed.
func configError(err error) error { return &exitError{exitConfig, err} }

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run obeys a command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = &exitError{exitFailure, err}
	}
	if exit.err != nil {
		fmt.Fprintf(stderr, "lodoor: %v\n", exit.err)
	}
	return exit.code
}

const rootExamples = `  lodoor demo              see it work, without a service of your own
  lodoor run 62893:5432    a door on port 62893 in front of localhost:5432
  lodoor logs --follow     who comes through`

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "lodoor",
		Short:         "The door on lo: relay a local service, know every connection, let in only local peers",
		Example:       rootExamples,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError(fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath()))
	})
	root.AddCommand(
		newRunCommand(),
		newLogsCommand(),
		newVerifyCommand(),
		newHistoryCommand(),
		newReportCommand(),
		newWhoCommand(),
		newStatusCommand(),
		newRecordCommand(),
		newQueriesCommand(),
		newAlertsCommand(),
		newCheckCommand(),
		newKillCommand(),
		newReloadCommand(),
		newConfigCommand(),
		newRulesCommand(),
		newDemoCommand(),
		newVersionCommand(),
	)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", fmt.Sprintf(".FlagUsagesWrapped %d ", sheetWidth)))
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		layOut(cmd)
		help(cmd, args)
	})
	return root
}

// layOut makes the help of a command fit a narrow terminal. It is done only for what is shown: all of it takes longer than
// reading a configuration.
func layOut(cmd *cobra.Command) {
	cmd.DisableFlagsInUseLine = true
	paragraphs := strings.Split(cmd.Long, "\n\n")
	for i, p := range paragraphs {
		paragraphs[i] = strings.Join(wrap(p, sheetWidth), "\n")
	}
	cmd.Long = strings.Join(paragraphs, "\n\n")
}

// usageArgs makes what an argument check says a usage error.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError(fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath()))
		}
		return nil
	}
}

// noArgs is for commands that take no arguments. What stands after one that has others below it was meant for one of
// those.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return usageError(fmt.Errorf("'%s' takes no arguments: found %q; see '%s --help'", cmd.CommandPath(), args[0], cmd.CommandPath()))
	}
	cmd.SuggestionsMinimumDistance = 2
	hint := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("did you mean '%s %s'? ", cmd.CommandPath(), near[0])
	}
	return usageError(fmt.Errorf("unknown command %q for %q; %ssee '%s --help'", args[0], cmd.CommandPath(), hint, cmd.CommandPath()))
}

// notBoth is a check that runs before a command, of two flags that say the same in two ways.
func notBoth(a, b string) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if cmd.Flags().Changed(a) && cmd.Flags().Changed(b) {
			return usageError(fmt.Errorf("--%s and --%s do not go together; see '%s --help'", a, b, cmd.CommandPath()))
		}
		return nil
	}
}
