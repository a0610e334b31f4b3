package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/logsink/replay"
	"github.com/lodoor/lodoor/proxy/flow"
)

const replayExamples = `  lodoor record replay db.pcapng --to 5432 --database copy
  lodoor record replay db.pcapng --to 127.0.0.1:5433 --user test --password-file pw --speed original
  lodoor record replay db.pcapng --to 5432 --only k3v9 --ignore order --json
  lodoor record replay db.pcapng --as-backend --listen 127.0.0.1:6000`

// replayFlags are the command line of record replay.
type replayFlags struct {
	to, speed, protocol, identity string
	user, passwordFile, database  string
	only, ignore, header          []string
	slower                        string
	slowerBy, patience            time.Duration
	failSlower, json              bool
	backend                       backendFlags
}

func newRecordReplayCommand() *cobra.Command {
	f := &replayFlags{}
	cmd := &cobra.Command{
		Use:   "replay FILE {--to ADDR | --as-backend --listen ADDR}",
		Short: "Play the clients of a recording against a service, and compare the answers",
		Long: `Play the clients of a recording against a service, and compare its answers with the recorded ones by what they mean.

Each session has a connection of its own, and logs in anew; passwords are not in recordings. A question is asked when all
answers have come that had come before it was asked in the recording, so that sessions meet as they did. What has to differ
(the time, numbers that the service gives) is passed over; the report names the rules by which it was, and --ignore adds others.

WRITES ARE WRITTEN AGAIN: name a copy of the database, not the one that is in use.

It ends with 0 when everything was played and nothing differs, otherwise with 1. Operations that take longer than they
did are told; with --fail-slower they end it with 1, too.`,
		Example: replayExamples,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usageError(errors.New("name one recording; 'lodoor record ls' lists them"))
			}
			return nil
		},
		PreRunE: func(cmd *cobra.Command, _ []string) error { return f.check(cmd) },
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	f.register(cmd)
	return cmd
}

func (f *replayFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.to, "to", "", "the service's `ADDRESS`: PORT, HOST:PORT or unix:/PATH")
	flags.StringVar(&f.speed, "speed", "full", "`SPEED`: full, as fast as answers come; original; or 2x, 0.5x of that")
	flags.StringVar(&f.protocol, "protocol", "auto", "what is spoken: auto, postgres, redis or http")
	flags.StringVar(&f.user, "user", "", "log in as `USER`, instead of the recorded one")
	flags.StringVar(&f.passwordFile, "password-file", "", "`FILE` with the password on its first line")
	flags.StringVar(&f.database, "database", "", "log in to database `NAME`, instead of the recorded one")
	flags.StringArrayVar(&f.header, "header", nil, "of HTTP: send `'NAME: VALUE'` in place of the recorded field (repeatable)")
	flags.StringSliceVar(&f.only, "only", nil, "only the `SESSION` whose id begins with this (repeatable)")
	flags.StringSliceVar(&f.ignore, "ignore", nil, "what may differ, by the `RULE` that says it (repeatable)")
	flags.StringVar(&f.slower, "slower", "3x", "tell operations that take this many `TIMES` longer, as their medians say")
	flags.DurationVar(&f.slowerBy, "slower-by", 5*time.Millisecond, "and by at least this `DURATION`")
	flags.BoolVar(&f.failSlower, "fail-slower", false, "end with 1 when there are such")
	flags.DurationVar(&f.patience, "patience", 2*time.Second, "go on with other sessions when an answer takes this `DURATION` more than expected")
	flags.StringVar(&f.identity, "identity", "", "`FILE` with the age identity that decrypts the recording, as age-keygen writes it")
	flags.BoolVar(&f.json, "json", false, "one object")
	f.backend.register(flags)
}

// check says what of a command line does not go together.
func (f *replayFlags) check(cmd *cobra.Command) error {
	if err := f.backend.check(cmd.Flags()); err != nil {
		return err
	}
	if f.backend.on {
		for _, name := range []string{"to", "speed", "user", "password-file", "database", "header", "ignore", "slower", "slower-by", "fail-slower", "json"} {
			if cmd.Flags().Changed(name) {
				return usageError(fmt.Errorf("--%s does not go with --as-backend, which asks nothing", name))
			}
		}
		return nil
	}
	if f.to == "" {
		return usageError(errors.New("say where the questions go: --to ADDRESS, of a service with a copy of the data"))
	}
	_, err := f.config()
	return err
}

// config is how is played.
func (f *replayFlags) config() (c replay.Config, err error) {
	switch f.speed {
	case "full":
	case "original":
		c.Speed = 1
	default:
		if c.Speed, err = times(f.speed); err != nil {
			return c, usageError(fmt.Errorf("--speed %q: expected full, original, or how many times that, as 2x", f.speed))
		}
	}
	if c.Slower, err = times(f.slower); err != nil {
		return c, usageError(fmt.Errorf("--slower %q: expected how many times, as 3x", f.slower))
	}
	if f.slowerBy <= 0 || f.patience <= 0 {
		return c, usageError(errors.New("--slower-by and --patience: expected a time above 0, as 5ms"))
	}
	c.SlowerBy, c.Patience = f.slowerBy, f.patience
	return c, nil
}

// times reads a factor, as 2x.
func times(s string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(s, "x"), 64)
	if err != nil || !strings.HasSuffix(s, "x") || !(n > 0 && n < 1e6) {
		return 0, errors.New("no factor")
	}
	return n, nil
}

func (f *replayFlags) run(cmd *cobra.Command, path string) error {
	r, protocol, err := f.open(path)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // it was only read
	if f.backend.on {
		return f.backend.run(cmd, r, path, protocol)
	}
	c, err := f.config()
	if err != nil {
		return err
	}
	c.Recording = r
	if c.Protocol, err = f.speaks(protocol); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := replay.New(c).Run(ctx)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if f.json {
		err = writeJSON(out, report)
	} else {
		_, err = fmt.Fprint(out, replaySheet(report, c.Protocol.Rules(), colored(out)))
	}
	if err == nil && (!report.Good() || f.failSlower && len(report.Slower) > 0) {
		err = &exitError{code: exitFailure} // the report has said why
	}
	return err
}

// open opens the recording. protocol is what is spoken in it.
func (f *replayFlags) open(path string) (r *recording.Reader, protocol string, err error) {
	var o recording.Options
	if f.identity != "" {
		if o.Identities, err = recording.Identities(f.identity); err != nil {
			return nil, "", usageError(fmt.Errorf("--identity: %w", err))
		}
	}
	if len(f.only) > 0 {
		o.Session = func(s *recording.Session) bool {
			return slices.ContainsFunc(f.only, func(id string) bool { return id != "" && strings.HasPrefix(s.ID, id) })
		}
	}
	if f.backend.on {
		r, err = recording.Open(path, o)
	} else {
		r, protocol, err = replay.Open(path, o)
	}
	if errors.Is(err, recording.ErrEncrypted) {
		return nil, "", fmt.Errorf("%w: --identity FILE gives the key that decrypts", err)
	}
	if f.protocol != "auto" {
		protocol = f.protocol
	}
	return r, protocol, err
}

// speaks is how a protocol is played.
func (f *replayFlags) speaks(protocol string) (replay.Protocol, error) {
	to, err := flow.ParseEndpoint(f.to)
	if err != nil {
		return nil, usageError(fmt.Errorf("--to: %w", err))
	}
	password, err := f.password()
	if err != nil {
		return nil, err
	}
	header, err := httpHeader(f.header)
	if err != nil {
		return nil, usageError(err)
	}
	var speaks replay.Protocol
	switch protocol {
	case "postgres":
		speaks, err = replay.NewPostgres(replay.PostgresConfig{
			To: to, User: f.user, Database: f.database, Password: password, Ignore: f.ignore,
		})
	case "redis":
		speaks, err = replay.NewRedis(replay.RedisConfig{To: to, User: f.user, Password: password, Ignore: f.ignore})
	case "http":
		speaks, err = replay.NewHTTP(replay.HTTPConfig{To: to, Header: header, Ignore: f.ignore})
	case "":
		return nil, errors.New("nobody here knows what is spoken in this recording: --protocol names it")
	default:
		return nil, fmt.Errorf("%s cannot be played: expected postgres, redis or http", protocol)
	}
	if err != nil {
		return nil, usageError(fmt.Errorf("--ignore: %w", err))
	}
	return speaks, nil
}

// httpHeader reads fields as they stand in a head.
func httpHeader(lines []string) (fields []replay.HTTPField, err error) {
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok || name == "" || strings.ContainsAny(name, " \t\r\n") || strings.ContainsAny(value, "\r\n") {
			return nil, errors.New("--header: expected 'NAME: VALUE', as 'Authorization: Bearer …'")
		}
		fields = append(fields, replay.HTTPField{Name: name, Value: value})
	}
	return fields, nil
}

// password is the first line of its file.
func (f *replayFlags) password() (string, error) {
	if f.passwordFile == "" {
		return "", nil
	}
	text, err := os.ReadFile(f.passwordFile)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}
