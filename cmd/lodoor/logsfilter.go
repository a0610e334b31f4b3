package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// logFilter says which records are shown; what is empty does not matter.
type logFilter struct {
	services []string
	events   []flow.Event
	programs []string
	users    []string
	session  flow.SessionID
}

func (f *logFilter) matches(r *flow.Record) bool {
	return (len(f.services) == 0 || slices.Contains(f.services, r.Service)) &&
		(len(f.events) == 0 || slices.Contains(f.events, r.Event)) &&
		(f.session.IsZero() || f.session == r.Session) && f.matchesOrigin(r.Origin)
}

// matchesOrigin is false of an origin that does not tell what is asked for.
func (f *logFilter) matchesOrigin(o *flow.Origin) bool {
	if len(f.programs)+len(f.users) == 0 {
		return true
	}
	return o != nil && o.Known() && (len(f.programs) == 0 || slices.ContainsFunc(f.programs, ofProgram(o))) &&
		(len(f.users) == 0 || slices.ContainsFunc(f.users, ofUser(o)))
}

// ofProgram says of a name whether it is that of a process at the other end: the whole, or the interpreter's, as node
// is of "node server.js".
func ofProgram(o *flow.Origin) func(string) bool {
	return func(name string) bool {
		is := func(program string) bool { return program == name || strings.HasPrefix(program, name+" ") }
		return is(o.Program) || slices.ContainsFunc(o.Processes(), func(p *flow.Process) bool { return is(p.Program) })
	}
}

// ofUser says of a name or number whether it is that of the socket's owner, or of a process at the other end.
func ofUser(o *flow.Origin) func(string) bool {
	return func(user string) bool {
		is := func(name string, uid uint32) bool {
			return name == user || strconv.FormatUint(uint64(uid), 10) == user
		}
		return is(o.User, o.UID) ||
			slices.ContainsFunc(o.Processes(), func(p *flow.Process) bool { return is(p.User, p.UID) })
	}
}
