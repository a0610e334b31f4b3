package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/logsink/alert"
)

func newAlertsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "See what asks for attention, and say what need not be told",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAlertsListCommand(), newAckCommand(), newSilenceCommand(), newLearnCommand(), newAlertsTestCommand())
	return cmd
}

// askedDoor is a command line that asks one door for something about its alerts.
type askedDoor struct {
	whichDoor
	by string
}

// command completes a command that asks a door; do prints what came of it.
func (a *askedDoor) command(cmd *cobra.Command, do func(ctx context.Context, c *control.Client, args []string) (string, error)) *cobra.Command {
	cmd.PreRunE = notBoth("instance", "dir")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		door, err := a.one(cmd.Context())
		if err != nil {
			return err
		}
		said, err := do(cmd.Context(), door, args)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), said)
		return err
	}
	a.register(cmd.Flags())
	return cmd
}

func (a *askedDoor) registerBy(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.by, "by", "", "`NAME` of who wants it; left out, it is yours on this machine")
}

// person is who asks.
func (a *askedDoor) person() string {
	name := cmp.Or(a.by, os.Getenv("SUDO_USER"))
	if name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "user " + strconv.Itoa(os.Getuid())
}

func newAckCommand() *cobra.Command {
	a := &askedDoor{}
	cmd := &cobra.Command{
		Use:   "ack ID [--by NAME]",
		Short: "Say that somebody takes care of an alert: it is not repeated",
		Long: `Say that somebody takes care of an alert. It is not told again until it is over and comes back, or becomes more severe.

ID is the alert's, or the beginning of it, as 'lodoor alerts list' shows it.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usageError(errors.New("name one alert, by the beginning of its id; 'lodoor alerts list' shows them"))
			}
			return nil
		},
	}
	a.registerBy(cmd)
	return a.command(cmd, func(ctx context.Context, c *control.Client, args []string) (string, error) {
		by := a.person()
		return "alert " + args[0] + " is taken care of by " + by, c.Ack(ctx, args[0], by)
	})
}

func newLearnCommand() *cobra.Command {
	a := &askedDoor{}
	var span, forget, program string
	cmd := &cobra.Command{
		Use:   "learn {--for TIME | --forget SERVICE [--program NAME]}",
		Short: "Learn which programs use each service, so that a new one is told",
		Long: `Learn which programs use each service. After that a program that was not seen at a service raises an alert
(new_program); before the first time none does. Programs in temporary folders are never learned.`,
		Example: `  lodoor alerts learn --for 7d
  lodoor alerts learn --forget postgres --program psql`,
		Args: noArgs,
	}
	cmd.Flags().StringVar(&span, "for", "", "how long, as `TIME` 7d")
	cmd.Flags().StringVar(&forget, "forget", "", "forget the programs of this `SERVICE`, so that they are new again")
	cmd.Flags().StringVar(&program, "program", "", "forget only the program of this `NAME`")
	a.command(cmd, func(ctx context.Context, c *control.Client, _ []string) (string, error) {
		if forget != "" {
			n, err := c.Forget(ctx, forget, program)
			return plural(uint64(n), "program") + " of " + forget + " will be new again", err
		}
		d, err := configs.ParseDuration(span)
		if err != nil {
			return "", usageError(fmt.Errorf("--for %q: %w", span, err))
		}
		return "programs are learned until " + zonedTime(time.Now().Add(d)), c.Learn(ctx, d)
	})
	cmd.PreRunE = both(cmd.PreRunE, func(*cobra.Command, []string) error {
		switch {
		case (span == "") == (forget == ""):
			return usageError(errors.New("expected --for TIME, as in --for 7d, or --forget SERVICE"))
		case program != "" && forget == "":
			return usageError(errors.New("--program is for --forget"))
		}
		return nil
	})
	return cmd
}

// both is one check after the other.
func both(a, b func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := a(cmd, args); err != nil {
			return err
		}
		return b(cmd, args)
	}
}

func newAlertsTestCommand() *cobra.Command {
	a := &askedDoor{}
	return a.command(&cobra.Command{
		Use:   "test",
		Short: "Raise an alert that only says that it is one, to see whether alerts arrive",
		Args:  noArgs,
	}, func(ctx context.Context, c *control.Client, _ []string) (string, error) {
		id, err := c.TestAlert(ctx)
		return "alert " + id + " was raised; 'lodoor status' shows what became of its deliveries", err
	})
}

func newSilenceCommand() *cobra.Command {
	a, s := &askedDoor{}, alert.Silence{}
	var span, end string
	cmd := &cobra.Command{
		Use:   "silence {--for TIME MATCHERS [--why TEXT] | --end ID}",
		Short: "Keep alerts from being delivered for a while",
		Long: `Keep alerts from being delivered for a while. They are still in the journal and on the console.

Every matcher that is given must hold; a * stands for any.`,
		Example: `  lodoor alerts silence --for 2h --condition backend_down --service postgres --why "moving the database"
  lodoor alerts silence --end 3k9f2m1x`,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.StringVar(&span, "for", "", "how long, as `TIME` 2h or 3d")
	f.StringVar(&end, "end", "", "end the silence of this `ID`")
	f.StringVar(&s.Alert, "alert", "", "only the alert of this `ID`")
	f.StringVar(&s.Condition, "condition", "", "only alerts of this `CONDITION`")
	f.StringVar(&s.Service, "service", "", "only alerts about this `SERVICE`")
	f.StringVar(&s.Program, "program", "", "only alerts about this `PROGRAM`")
	f.StringVar(&s.Zone, "zone", "", "only alerts about peers in this `ZONE`")
	f.StringVar(&s.Severity, "severity", "", "only alerts of this `SEVERITY`: info, warning or critical")
	f.StringVar(&s.Why, "why", "", "the reason, as `TEXT`, for those who wonder")
	a.registerBy(cmd)
	a.command(cmd, func(ctx context.Context, c *control.Client, _ []string) (string, error) {
		if end != "" {
			return "silence " + end + " has ended", c.Unsilence(ctx, end)
		}
		d, err := configs.ParseDuration(span)
		if err != nil {
			return "", usageError(fmt.Errorf("--for %q: %w", span, err))
		}
		s.Until, s.By = time.Now().Add(d), a.person()
		begun, err := c.Silence(ctx, s)
		return "silence " + begun.ID + " holds until " + zonedTime(begun.Until), err
	})
	cmd.PreRunE = both(cmd.PreRunE, func(*cobra.Command, []string) error {
		if (span == "") == (end == "") {
			return usageError(errors.New("expected --for TIME and what it is for, as in --for 2h --service postgres, or --end ID"))
		}
		return nil
	})
	return cmd
}
