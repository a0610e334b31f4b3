package origin

import (
	"fmt"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// evidence is what a process was recognised by, from nothing to the best.
type evidence uint8

const (
	byNothing evidence = iota
	byTitle
	byProgram
	byExecutable
)

// suspect is a process that is looked at. It is judged by what it is itself: a psql that somebody started in an ssh
// session has sshd among its ancestors, and carries nothing.
type suspect struct {
	*flow.Process
	// executable, program and title are its names, in lower case; empty when they are not known.
	executable, program, title string
	// read reads its command line, the name that it was started by first. That costs more than what is known, so that it
	// is done only for those who need it.
	read  func() []string
	words []string
}

func newSuspect(p *flow.Process, read func() []string) *suspect {
	s := &suspect{Process: p, program: strings.ToLower(p.Program), read: read}
	if p.Executable.Path != "" {
		s.executable = baseName(p.Executable.Path)
	}
	started := fields(p)
	if len(started) == 0 { // nothing was kept
		started = s.line()
	}
	if len(started) > 0 {
		s.title = titleOf(started[0])
	}
	return s
}

// line is the command line; empty when it is not known.
func (s *suspect) line() []string {
	if s.words == nil {
		s.words = s.read()
	}
	return s.words
}

// titleOf is the name that a process gives itself. Some write more there ("nginx: worker process", "sshd: kim@pts/3"),
// and a login shell has a dash before it.
func titleOf(word string) string {
	if name, _, found := strings.Cut(word, ": "); found {
		word = name
	}
	return baseName(strings.TrimSuffix(strings.TrimPrefix(word, "-"), ":"))
}

// baseName is a file's name without its folders and without .exe, in lower case.
func baseName(path string) string {
	name := strings.ToLower(path[strings.LastIndexAny(path, `/\`)+1:])
	return strings.TrimSuffix(name, ".exe")
}

// named says what of the process has the name, which is in lower case or a path, and so how much that proves.
func (s *suspect) named(pattern string) evidence {
	switch {
	case strings.Contains(pattern, "/"):
		if matches(pattern, s.Executable.Path) {
			return byExecutable
		}
		return byNothing
	case matches(pattern, s.executable):
		return byExecutable
	case matches(pattern, s.program):
		return byProgram
	case matches(pattern, s.title):
		return byTitle
	default:
		return byNothing
	}
}

// arguments are the words behind the name.
func (s *suspect) arguments() []string {
	line := s.line()
	return line[min(1, len(line)):]
}

// reason says in words how it was recognised, and how much that is worth.
func (s *suspect) reason(by evidence, why string) string {
	var how string
	switch by {
	case byExecutable:
		how = "its executable is " + s.Executable.Path
	case byProgram:
		how = fmt.Sprintf("it is called %s, which is only a name", s.Program)
	default:
		how = fmt.Sprintf("it calls itself %s, which is only a name", s.title)
	}
	if why == "" {
		return how
	}
	return how + "; " + why
}
