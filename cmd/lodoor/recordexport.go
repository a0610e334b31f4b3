package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/proxy/flow"
)

// recordExportFlags are the command line of record export.
type recordExportFlags struct {
	whichRecordings
	sessionChoice
	to, format, redact, keylog, protocol string
	overwrite                            flow.Redaction
}

func newRecordExportCommand() *cobra.Command {
	f := &recordExportFlags{}
	cmd := &cobra.Command{
		Use:   "export [FILE|DIR...] --to FILE|DIR|-",
		Short: "Copy sessions out of recordings, for other programs and other people",
		Long: `Copy sessions out of recordings, as packets, as streams of bytes or as JSON, decompressed and decrypted.

Passwords are overwritten unless --redact says otherwise; what a recording has overwritten stays so. What cannot be looked
through, since it began before its recording, is left out, with its length kept.

pcapng goes to one file, or with a directory to one for each recording. raw makes two files of each session in a
directory, SESSION-client.bin and SESSION-service.bin. json is an object a line: sessions, operations where the protocol
could be read, and otherwise what was said, in base64.`,
		Example: `  lodoor record export --session k3v9 --to one.pcapng
  lodoor record export --service pg --since 1h --redact authentication,rows --to for-support/
  lodoor record export --session k3v9 --format json --to - | jq .db.query.text
  lodoor record export --session k3v9 --keylog keys.txt --to plain.pcapng`,
		PreRunE: func(*cobra.Command, []string) error { return f.check() },
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), args)
		},
	}
	f.whichRecordings.register(cmd.Flags())
	f.sessionChoice.register(cmd.Flags())
	flags := cmd.Flags()
	flags.StringVar(&f.to, "to", "", "the `FILE` or directory that is made; - for standard output")
	flags.StringVar(&f.format, "format", "pcapng", "pcapng, raw or json")
	flags.StringVar(&f.redact, "redact", "authentication", "what is overwritten: authentication, parameters, rows, or none")
	flags.StringVar(&f.keylog, "keylog", "", "`FILE` with TLS secrets (SSLKEYLOGFILE); those of the sessions go into the pcapng")
	flags.StringVar(&f.protocol, "protocol", "auto", "what is spoken: auto, postgres, mysql, redis, http, none")
	return cmd
}

func (f *recordExportFlags) check() error {
	var errs []error
	if f.to == "" {
		errs = append(errs, errors.New("say where it goes: --to FILE, --to DIR, or --to - for another program"))
	}
	if !slices.Contains([]string{"pcapng", "raw", "json"}, f.format) {
		errs = append(errs, fmt.Errorf("--format %q: expected pcapng, raw or json", f.format))
	}
	if f.format == "raw" && f.to == "-" {
		errs = append(errs, errors.New("--format raw makes files in a directory: name one with --to; 'lodoor record show --raw' "+
			"writes the bytes of one session"))
	}
	if f.keylog != "" && f.format != "pcapng" {
		errs = append(errs, errors.New("--keylog goes with --format pcapng: the secrets become part of the file, for Wireshark"))
	}
	var err error
	if f.overwrite, err = parseRedact(f.redact); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, checkProtocol(f.protocol))
	if err := errors.Join(errs...); err != nil {
		return usageError(err)
	}
	return f.parse(time.Now())
}

func parseRedact(words string) (flow.Redaction, error) {
	if words == "none" {
		return flow.Redaction{}, nil
	}
	r, known := flow.ParseRedaction(words)
	if !known {
		return r, fmt.Errorf("--redact %q: expected a list of authentication, parameters and rows, or none", words)
	}
	return r, nil
}

func (f *recordExportFlags) run(ctx context.Context, out, errs io.Writer, args []string) error {
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
	if len(chosen) == 0 {
		return errors.Join(errors.New("no session in the recordings is meant: nothing was exported"), f.incomplete())
	}
	files = slices.DeleteFunc(files, func(file *recordedFile) bool { return !file.has(chosen) })
	e := &sessionExport{
		recordExportFlags: f, files: files, chosen: chosen,
		redaction: newRecordRedaction(f.protocol, f.overwrite, func(text string) { f.warn(text) }),
	}
	switch f.format {
	case "raw":
		err = e.raw(ctx)
	case "json":
		err = e.json(ctx, out)
	default:
		err = e.pcapng(ctx, out)
	}
	if err != nil {
		return err
	}
	e.redaction.tell()
	fmt.Fprintf(errs, "lodoor: %s to %s; %s\n", plural(uint64(e.sessions()), "session"),
		cmp.Or(strings.TrimPrefix(f.to, "-"), "standard output"), pcapng.Redacts(f.overwrite))
	return f.incomplete()
}

// sessionExport copies sessions.
type sessionExport struct {
	*recordExportFlags
	files     []*recordedFile
	chosen    map[*recordedSession]bool
	redaction *recordRedaction
}

// sessions is how many are exported. Several files may have a part of one.
func (e *sessionExport) sessions() int {
	names := map[string]bool{}
	for s := range e.chosen {
		names[s.Name()] = true
	}
	return len(names)
}

// toDir says whether a directory is meant.
func (e *sessionExport) toDir() bool {
	stat, err := os.Stat(e.to)
	return os.IsPathSeparator(e.to[len(e.to)-1]) || err == nil && stat.IsDir()
}

// makeDir makes the directory for what is exported, when it is not there.
func (e *sessionExport) makeDir() error {
	if err := os.MkdirAll(e.to, 0o700); err != nil {
		return fmt.Errorf("make the directory for what is exported: %w", err)
	}
	return nil
}

// exportFile writes a file that only its owner can read; when that fails it is not left behind.
func exportFile(path string, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make the file for what is exported: %w", err)
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
