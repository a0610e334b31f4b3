package procfs

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lodoor/lodoor/proxy/flow"
)

// CommandLine is how much is told of command lines.
type CommandLine uint8

// The kinds.
const (
	CommandLineRedacted CommandLine = iota // without what looks like a secret
	CommandLineOff                         // nothing
	CommandLineFull                        // as it is
)

func commandLineNames() []string { return []string{"redacted", "off", "full"} }

func (c CommandLine) String() string {
	if names := commandLineNames(); int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("invalid(%d)", uint8(c))
}

// MarshalText writes the name.
func (c CommandLine) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a name; the error lists the names.
func (c *CommandLine) UnmarshalText(text []byte) error {
	i := slices.Index(commandLineNames(), string(text))
	if i < 0 {
		return fmt.Errorf("unknown privacy of command lines %q: expected one of %s",
			text, strings.Join(commandLineNames(), ", "))
	}
	*c = CommandLine(i)
	return nil
}

// line writes arguments as one would type them in a shell, at most [flow.CommandLineMax] bytes. The program is the
// file that runs, which a redaction has to know.
func (c CommandLine) line(program string, args []string) string {
	switch c {
	case CommandLineFull:
	case CommandLineRedacted:
		args = redact(program, args)
	default:
		return ""
	}
	if len(args) == 1 && args[0] != program {
		return clip(args[0]) // a title that the process gave itself
	}
	var b strings.Builder
	for i, arg := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		if b.WriteString(quote(arg)); b.Len() > flow.CommandLineMax {
			break
		}
	}
	return clip(b.String())
}

// clip cuts s where a character begins.
func clip(s string) string {
	if len(s) <= flow.CommandLineMax {
		return s
	}
	n := flow.CommandLineMax
	for n > flow.CommandLineMax-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.Clone(s[:n])
}

// quote writes an argument so that a shell reads it as one; what was hidden stays legible.
func quote(arg string) string {
	special := func(r rune) bool {
		return r < 0x80 && !strings.ContainsRune("%+,-./:=@_", r) &&
			(r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	if arg != "" && !strings.ContainsFunc(strings.ReplaceAll(arg, hidden, ""), special) {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
