package origin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/lodoor/lodoor/proxy/flow"
)

// ForwarderRule tells a kind of program that carries somebody else's connections.
type ForwarderRule struct {
	// Name is what its forwarders are called in records and rules.
	Name string `mapstructure:"name"`
	// Programs are the names that it is recognised by, whatever their case: of the executable's file, of the program
	// ("node lt"), or the one that it was started by. A * at the end stands for the rest; one with a slash is the whole
	// path of the executable.
	Programs []string `mapstructure:"programs"`
	// Arguments limit the rule to processes that were started with one of them; a * at the end stands for the rest.
	// Empty is no limit.
	Arguments []string `mapstructure:"arguments"`
	// Paired widens that to processes that hold a second TCP connection: netcat with one speaks for who started it,
	// with two it carries.
	Paired bool `mapstructure:"paired"`
	// Own says that it carries this machine's own connections only. That is believed of an executable, and of no other
	// name.
	Own bool `mapstructure:"own"`
	// Far is where its far end is looked for: session, accepted or dialled, see the constants; or the zone that it is in
	// by the program's nature, such as public. Empty is unknown.
	Far string `mapstructure:"far"`
	// Why is what it carries, for the reason in records: "carries the forwarded ports of who is logged in by ssh".
	Why string `mapstructure:"why"`
}

// Where a far end is looked for, among the process's own sockets.
const (
	// FarSession is the connection that it was started to serve: sshd's with the ssh client.
	FarSession = "session"
	// FarAccepted are the connections that it has accepted.
	FarAccepted = "accepted"
	// FarDialled is the connection that it has made to another host: that of ssh -R with its server.
	FarDialled = "dialled"
)

// Validate returns an error for each setting that cannot be obeyed; each starts with the key.
func (r ForwarderRule) Validate() error {
	var errs []error
	if badName(r.Name) {
		errs = append(errs, fmt.Errorf("name: %q: expected a word for records and rules, such as my-tunnel", r.Name))
	}
	if len(r.Programs) == 0 {
		errs = append(errs, errors.New("programs: empty: expected names of programs, such as [socat, my-tunnel*]"))
	}
	for key, patterns := range map[string][]string{"programs": r.Programs, "arguments": r.Arguments} {
		if i := slices.IndexFunc(patterns, badPattern); i >= 0 {
			errs = append(errs, fmt.Errorf("%s: %q: expected a text with one * at most, as its last character",
				key, patterns[i]))
		}
	}
	if _, err := r.farZone(); err != nil {
		errs = append(errs, fmt.Errorf("far: %q: expected %s, %s, %s, the name of a zone, or nothing: %w", r.Far, FarSession,
			FarAccepted, FarDialled, err))
	}
	return errors.Join(errs...)
}

// badName also refuses what rules understand in another way.
func badName(s string) bool {
	return s == "" || s == "true" || s == "false" || s != strings.TrimSpace(s) || strings.Contains(s, "*") ||
		strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// badPattern also refuses what would match everything.
func badPattern(p string) bool {
	return strings.Contains(p[:max(0, len(p)-1)], "*") || p == "" || p == "*"
}

// farZone is the zone that Far names; [flow.ZoneUnknown] when it names none.
func (r ForwarderRule) farZone() (z flow.Zone, err error) {
	switch r.Far {
	case "", FarSession, FarAccepted, FarDialled:
		return flow.ZoneUnknown, nil
	}
	err = z.UnmarshalText([]byte(r.Far))
	return z, err
}

// match says how the rule recognises a process by name; by is empty when it does not.
func (r *ForwarderRule) match(s *suspect) (by evidence) {
	for _, pattern := range r.Programs {
		if by = max(by, s.named(pattern)); by == byExecutable {
			break
		}
	}
	if r.Own && by != byExecutable {
		return byNothing // anybody could make less of itself
	}
	return by
}

// carries says whether the process does what the rule is about; paired is asked only when its arguments do not tell.
func (r *ForwarderRule) carries(s *suspect, paired func() bool) bool {
	if len(r.Arguments) == 0 && !r.Paired {
		return true
	}
	told := slices.ContainsFunc(s.arguments(), func(argument string) bool {
		return slices.ContainsFunc(r.Arguments, func(pattern string) bool { return matches(pattern, argument) })
	})
	return told || r.Paired && paired()
}

// matches compares a text with one that may end in a star.
func matches(pattern, text string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	return text == pattern || open && strings.HasPrefix(text, prefix)
}
