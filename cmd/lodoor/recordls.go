package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// recordLsFlags are the command line of record ls.
type recordLsFlags struct {
	whichRecordings
	sessionChoice
	json, list bool
}

func newRecordLsCommand() *cobra.Command {
	f := &recordLsFlags{}
	cmd := &cobra.Command{
		Use:   "ls [FILE|DIR...]",
		Short: "List recordings, or the sessions in them",
		Long: `List recordings: what they are of, from when, how long and how large.

Without files and directories these are the recordings of the doors that run, and those beside the journals. One that is
being written, or that a crash has left, has a name with .part; one that is compressed ends with .zst, and one that is
encrypted with .age.`,
		Example: `  lodoor record ls
  lodoor record ls --sessions --program psql --since 1h`,
		PreRunE: func(*cobra.Command, []string) error { return f.parse(time.Now()) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), args)
		},
	}
	f.whichRecordings.register(cmd.Flags())
	f.sessionChoice.register(cmd.Flags())
	cmd.Flags().BoolVar(&f.json, "json", false, "one object a line")
	cmd.Flags().BoolVar(&f.list, "sessions", false, "the sessions instead of the files")
	return cmd
}

func (f *recordLsFlags) run(ctx context.Context, out, errs io.Writer, args []string) error {
	found, err := f.find(ctx, args, errs)
	if err != nil {
		return err
	}
	files, err := f.catalogue(ctx, found)
	if err != nil {
		return err
	}
	chosen, err := f.choose(files)
	if err != nil {
		return err
	}
	if f.list {
		f.needKeys(files)
		err = f.showSessions(out, files, chosen)
	} else {
		err = f.showFiles(out, files, chosen)
	}
	if err != nil {
		return err
	}
	return f.incomplete()
}

// listedFile is a recording as ls tells it to programs.
type listedFile struct {
	File       string    `json:"file"`
	Service    string    `json:"service"`
	Label      string    `json:"label,omitempty"`
	Began      time.Time `json:"began,omitzero"`
	Ended      time.Time `json:"ended,omitzero"`
	Sessions   *int      `json:"sessions,omitempty"` // absent when it was not looked into
	Size       int64     `json:"size"`
	Compressed bool      `json:"compressed,omitempty"`
	Encrypted  bool      `json:"encrypted,omitempty"`
	Unfinished bool      `json:"unfinished,omitempty"`
	Torn       bool      `json:"torn,omitempty"`
}

// shows says whether a file is listed: what was not looked into may have anything.
func (f *recordLsFlags) shows(file *recordedFile, chosen map[*recordedSession]bool) bool {
	narrowed := len(f.services)+len(f.programs)+len(f.sessions) > 0 || f.since+f.until != ""
	return !narrowed || file.has(chosen)
}

func (f *recordLsFlags) showFiles(out io.Writer, files []*recordedFile, chosen map[*recordedSession]bool) error {
	if f.json {
		for _, file := range files {
			if f.shows(file, chosen) {
				if err := writeJSON(out, file.listed()); err != nil {
					return err
				}
			}
		}
		return nil
	}
	var dirs []string
	in := map[string][]*recordedFile{}
	for _, file := range files {
		dir := filepath.Dir(file.Path)
		if !f.shows(file, chosen) {
			continue
		}
		if in[dir] == nil {
			dirs = append(dirs, dir)
		}
		in[dir] = append(in[dir], file)
	}
	if len(dirs) == 0 {
		_, err := fmt.Fprintln(out, "there is no such recording")
		return err
	}
	for i, dir := range dirs {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%s\n", terminal.Visible(dir))
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "  BEGAN\tFOR\tSESSIONS\tSIZE\tFILE")
		for _, file := range in[dir] {
			fmt.Fprintf(table, "  %s\n", strings.Join(file.row(), "\t"))
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (f *recordedFile) listed() listedFile {
	l := listedFile{
		File: f.Path, Service: f.Service, Label: f.Label, Began: f.Began, Ended: f.ended, Size: f.Size,
		Compressed: f.Compressed, Encrypted: f.Encrypted, Unfinished: f.Unfinished, Torn: f.torn,
	}
	if n := len(f.sessions); !f.locked {
		l.Sessions = &n
	}
	return l
}

// row is a file in a table. What its name does not tell already stands behind it.
func (f *recordedFile) row() []string {
	began, span, sessions := "-", "-", "-"
	if !f.Began.IsZero() {
		began = f.Began.Local().Format(time.DateTime)
	}
	if !f.ended.IsZero() {
		span = shownSpan(f.ended.Sub(f.Began))
	}
	if !f.locked {
		sessions = fmt.Sprint(len(f.sessions))
	}
	name := terminal.Visible(filepath.Base(f.Path))
	if f.torn && !f.Unfinished {
		name += " (torn)"
	}
	return []string{began, span, sessions, humanSize(uint64(f.Size)), name}
}

// listedSession is a recorded session as ls tells it to programs.
type listedSession struct {
	Session     string    `json:"session"`
	Service     string    `json:"service"`
	File        string    `json:"file"`
	Began       time.Time `json:"began"`
	Ended       time.Time `json:"ended"`
	Client      string    `json:"client,omitempty"`
	Front       string    `json:"front,omitempty"`
	Back        string    `json:"back,omitempty"`
	Server      string    `json:"server,omitempty"`
	Program     string    `json:"program,omitempty"`
	PID         int       `json:"pid,omitempty"`
	User        string    `json:"user,omitempty"`
	Verdict     string    `json:"verdict,omitempty"`
	Rule        string    `json:"rule,omitempty"`
	FromClient  uint64    `json:"bytes_from_client"`
	FromBackend uint64    `json:"bytes_from_backend"`
	NotKept     uint64    `json:"bytes_not_kept,omitempty"`
	End         string    `json:"end,omitempty"`
	// Late says that it had begun before the file, Unfinished that its end is not in it.
	Late       bool `json:"late,omitempty"`
	Unfinished bool `json:"unfinished,omitempty"`
}

func (s *recordedSession) listed() listedSession {
	in, missingIn, _ := s.sums(flow.FromClient)
	out, missingOut, _ := s.sums(flow.FromBackend)
	l := listedSession{
		Session: s.Name(), Service: s.Service, File: s.file.Path, Began: s.Opened, Ended: s.last, Program: s.Program, PID: s.PID,
		User: s.User, Verdict: s.Verdict, Rule: s.Rule, FromClient: in, FromBackend: out, NotKept: missingIn + missingOut,
		End: s.ending, Late: s.Late, Unfinished: s.goesOn,
	}
	if s.Client.IsValid() {
		l.Client, l.Front = s.Client.String(), s.Front.String()
	}
	if s.Back.IsValid() {
		l.Back, l.Server = s.Back.String(), s.Server.String()
	}
	return l
}

func (f *recordLsFlags) showSessions(out io.Writer, files []*recordedFile, chosen map[*recordedSession]bool) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if !f.json {
		fmt.Fprintln(table, "SESSION\tBEGAN\tFOR\tIN\tOUT\tWHO\tSERVICE\tENDED")
	}
	for _, file := range files {
		for _, s := range file.sessions {
			if !chosen[s] {
				continue
			}
			if f.json {
				if err := writeJSON(out, s.listed()); err != nil {
					return err
				}
				continue
			}
			fmt.Fprintln(table, strings.Join(s.row(), "\t"))
		}
	}
	return table.Flush()
}

// row is a session in a table; its name is as short as it is elsewhere.
func (s *recordedSession) row() []string {
	in, _, _ := s.sums(flow.FromClient)
	out, _, _ := s.sums(flow.FromBackend)
	return []string{
		s.short(), s.Opened.Local().Format("01-02 15:04:05"), shownSpan(s.last.Sub(s.Opened)), humanSize(in), humanSize(out),
		s.who(), terminal.Visible(s.Service), s.ended(),
	}
}

// short is a session's identifier as people are shown it; one without is named by its addresses.
func (s *recordedSession) short() string {
	var id flow.SessionID
	if len(s.ID) != len(id) || id.UnmarshalText([]byte(s.ID)) != nil {
		return terminal.Visible(s.Name())
	}
	return terminal.Visible(id.Short())
}

func (s *recordedSession) ended() string {
	switch {
	case s.ending != "":
		return s.ending
	case s.goesOn:
		return "-"
	default:
		return "ended"
	}
}

// who is the client's program and user in a few words.
func (s *recordedSession) who() string {
	var text string
	switch {
	case s.Program != "" && s.PID != 0:
		text = fmt.Sprintf("%s (pid %d, %s)", s.Program, s.PID, s.User)
	case s.Program != "":
		text = fmt.Sprintf("%s (%s)", s.Program, s.User)
	case s.User != "":
		text = "user " + s.User
	default:
		text = "unknown"
	}
	return terminal.Visible(text)
}
