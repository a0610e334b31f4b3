package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/logsink/terminal"
)

// sessionChoice is how a command line names sessions of recordings.
type sessionChoice struct {
	services, programs, sessions []string
	since, until                 string
	from, to                     time.Time
}

func (c *sessionChoice) register(flags *pflag.FlagSet) {
	flags.StringSliceVar(&c.services, "service", nil, "only sessions of this `SERVICE` (repeatable)")
	flags.StringSliceVar(&c.programs, "program", nil, "only sessions of this `PROGRAM`, as psql (repeatable)")
	flags.StringSliceVar(&c.sessions, "session", nil, "only the session whose id begins with `PREFIX` (repeatable)")
	flags.StringVar(&c.since, "since", "", "only from `TIME` on: 30m, 2d, 2026-01-02, 2026-01-02T15:04:05Z")
	flags.StringVar(&c.until, "until", "", "only before `TIME`, in the same form")
}

func (c *sessionChoice) parse(now time.Time) (err error) {
	if c.from, c.to, err = parsePeriod(c.since, c.until, now); err != nil {
		return usageError(err)
	}
	return nil
}

// choose leaves of the files those sessions that are meant, and says when a prefix is nobody's or several ones'.
func (c *sessionChoice) choose(files []*recordedFile) (map[*recordedSession]bool, error) {
	chosen := map[*recordedSession]bool{}
	var meant []string
	for _, prefix := range c.sessions {
		id, err := resolveRecorded(files, prefix)
		if err != nil {
			return nil, err
		}
		meant = append(meant, id)
	}
	for _, f := range files {
		for _, s := range f.sessions {
			if c.wants(s) && (len(meant) == 0 || slices.Contains(meant, s.Name())) {
				chosen[s] = true
			}
		}
	}
	return chosen, nil
}

func (c *sessionChoice) wants(s *recordedSession) bool {
	return (len(c.services) == 0 || slices.Contains(c.services, s.Service)) &&
		(len(c.programs) == 0 || slices.ContainsFunc(c.programs, s.runs)) &&
		(c.from.IsZero() || !s.last.Before(c.from)) && (c.to.IsZero() || s.Opened.Before(c.to))
}

// runs says whether a program is the session's: node is every "node server.js".
func (s *recordedSession) runs(program string) bool {
	return s.Program == program || strings.HasPrefix(s.Program, program+" ")
}

// at says whether a time is within the period.
func (c *sessionChoice) at(t time.Time) bool {
	return (c.from.IsZero() || !t.Before(c.from)) && (c.to.IsZero() || t.Before(c.to))
}

// resolveRecorded finds the session that a person means.
func resolveRecorded(files []*recordedFile, prefix string) (string, error) {
	if prefix == "" {
		return "", usageError(errors.New("a session is named by the beginning of its id, which is not empty"))
	}
	found := map[string]*recordedSession{}
	for _, f := range files {
		for _, s := range f.sessions {
			if strings.HasPrefix(s.Name(), strings.ToLower(prefix)) && found[s.Name()] == nil {
				found[s.Name()] = s
			}
		}
	}
	words := make([]string, 0, len(found))
	for name, s := range found {
		if len(found) == 1 {
			return name, nil
		}
		words = append(words, terminal.Visible(fmt.Sprintf("%s (%s, %s)", name, s.Service, s.Opened.Local().Format(time.DateTime))))
	}
	if len(words) == 0 {
		return "", fmt.Errorf("no session in the recordings begins with %q; 'lodoor record ls --sessions' lists them", prefix)
	}
	slices.Sort(words)
	if len(words) >= enoughSessions {
		words = append(words[:enoughSessions-1], "more")
	}
	return "", fmt.Errorf("%q begins the ids of several sessions: %s", prefix, strings.Join(words, ", "))
}

// only has a reader tell the chosen sessions of a file: they open in the order in which the catalogue has them. What has
// come into the file since is not among them.
func (f *recordedFile) only(chosen map[*recordedSession]bool) func(*recording.Session) bool {
	n := 0
	return func(*recording.Session) bool {
		n++
		return n <= len(f.sessions) && chosen[f.sessions[n-1]]
	}
}

// has says whether any session of a file is chosen.
func (f *recordedFile) has(chosen map[*recordedSession]bool) bool {
	return slices.ContainsFunc(f.sessions, func(s *recordedSession) bool { return chosen[s] })
}
