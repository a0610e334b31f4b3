package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/configs"
)

const runExamples = `  lodoor run 62893:5432                      localhost:5432 behind a door on port 62893
  lodoor run 5432                            the same behind the first free port from 62893 upward
  lodoor run pg=62893:5432 62894:6379        two services, one of them named
  lodoor run 62893:unix:/run/postgresql/.s.PGSQL.5432
  lodoor run --listen 0.0.0.0:62893 --backend 5432 --name pg
  lodoor run --config lodoor.yaml`

func newRunCommand() *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:     "run [flags] [[NAME=][HOST:]PORT:[HOST:]PORT ...]",
		Short:   "Stand in front of services until told to stop",
		Example: runExamples,
		Long: `Stand in front of services until told to stop.

Each argument is one service: where the door is, then the service behind it. Hosts may be left out: the door is then on
127.0.0.1 and ::1, the service on localhost. IPv6 addresses stand in brackets, and unix:/PATH stands for either side.
Three fields are the door's port and the service's host and port; a port alone is the service's.

Only peers that are proven to be on this host are let in, unless --allow says otherwise. Session lines go to standard
output, messages to standard error. SIGHUP reloads the configuration, SIGTERM and Ctrl-C end in order, twice at once.`,
		RunE: func(cmd *cobra.Command, args []string) error { return runDoor(cmd, f, args) },
	}
	f.register(cmd.Flags())
	return cmd
}

func runDoor(cmd *cobra.Command, f *runFlags, args []string) error {
	load := func() (*configs.Loaded, error) { return f.load(args) }
	loaded, err := load()
	if err != nil {
		return err
	}
	c := &loaded.Config
	if len(c.Services) == 0 {
		return usageError(errors.New("no service is given: name one as in 'lodoor run 62893:5432', or a file with --config; see 'lodoor run --help'"))
	}
	f.running = true
	say := newMessages(cmd.ErrOrStderr(), zerologLevel(c.Log.Level), c.Log.Format == configs.LogJSON)
	signals, give := takeSignals()
	defer give()
	return within(say.run, func() error {
		d, err := buildDoor(loaded, f.output(cmd.OutOrStdout(), c.Log.Format), say)
		if err != nil {
			return err
		}
		if err := f.writePortFile(d); err != nil {
			d.abandon()
			return err
		}
		begun := time.Now()
		if !f.quiet {
			say.show(d.greeting(colored(cmd.ErrOrStderr()) && c.Log.Format != configs.LogJSON))
		}
		for _, w := range append(loaded.Warnings, d.warnings()...) {
			say.warn(w)
		}
		err = d.serve(cmd.Context(), signals, load, loaded)
		if !f.quiet { // after the terminal's ^C
			say.show("\n" + d.summary.Totals().Report(time.Since(begun), d.logsCommand()))
		}
		return err
	})
}

// logsCommand is what shows this door's records again; empty when there are none.
func (d *door) logsCommand() string {
	if d.journal == nil {
		return ""
	}
	if d.config.Journal.Dir != "" {
		return "lodoor logs --dir " + shellQuote(d.journal.Dir())
	}
	return "lodoor logs --instance " + instanceOf(d.config)
}

// shellQuote makes s one word for a shell.
func shellQuote(s string) string {
	if fileName(strings.ReplaceAll(s, "/", "_")) == strings.ReplaceAll(s, "/", "_") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// output says where and how sessions are shown.
func (f *runFlags) output(w io.Writer, format configs.LogFormat) output {
	return output{
		sessions: w, quiet: f.quiet, color: colored(w),
		json: format == configs.LogJSON || (format == configs.LogAuto && !isTerminal(w)),
	}
}

// writePortFile tells programs where the doors are: a line "NAME ADDRESS" for each front, in one piece.
func (f *runFlags) writePortFile(d *door) error {
	if f.portFile == "" {
		return nil
	}
	var b strings.Builder
	for _, s := range d.config.Services {
		for _, e := range d.server.Fronts(s.Name) {
			fmt.Fprintf(&b, "%s %s\n", s.Name, e)
		}
	}
	temp := filepath.Join(filepath.Dir(f.portFile), "."+filepath.Base(f.portFile)+".new")
	if err := os.WriteFile(temp, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write port file: %w", err)
	}
	if err := os.Rename(temp, f.portFile); err != nil {
		return fmt.Errorf("write port file: %w", err)
	}
	return nil
}

func zerologLevel(l configs.LogLevel) zerolog.Level {
	level, err := zerolog.ParseLevel(l.String())
	if err != nil {
		return zerolog.InfoLevel
	}
	return level
}

// warnings are what a person should know of a configuration that is obeyed all the same.
func (d *door) warnings() []string {
	var warnings []string
	for _, s := range d.config.Services {
		for _, e := range s.Listen {
			if a, ok := e.Addr(); ok && !a.IsLoopback() {
				warnings = append(warnings, fmt.Sprintf(
					"service %s listens on %s, which other hosts can reach; peers that are not local are refused by the rules alone",
					s.Name, e))
			}
		}
	}
	return warnings
}
