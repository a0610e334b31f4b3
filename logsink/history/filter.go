package history

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// Filter says which records are wanted. What is empty does not matter; of a list one is enough.
type Filter struct {
	// Since leaves out what happened before it, Until what happened then or later.
	Since, Until time.Time
	Services     []string
	// Zones are names of zones, as "lan": of the peer, of the client that a trusted proxy speaks for, of a forwarder's
	// far end, or of the peers that an alert is about.
	Zones []string
	// Users are names or numbers: of the socket's owner, or of a process at the other end.
	Users []string
	// Programs are those of the processes at the other end, or of an alert: the whole name, or the interpreter's, as node
	// is of "node server.js".
	Programs []string
	// Verdicts are "allow", "deny" and "would_deny".
	Verdicts []string
	Events   []flow.Event
	Session  flow.SessionID
	// Grep is looked for in the line as it stands in the journal.
	Grep *regexp.Regexp
	// Limit is how many records are wanted at most, the newest; 0 is all. Matches does not look at it.
	Limit int
}

// Validate says what can match nothing, one problem a line, each beginning with the field's name.
func (f *Filter) Validate() error {
	var errs []error
	for _, name := range f.Zones {
		var zone flow.Zone
		if err := zone.UnmarshalText([]byte(name)); err != nil {
			errs = append(errs, fmt.Errorf("zone: %w", err))
		}
	}
	for _, name := range f.Verdicts {
		if !slices.Contains(verdicts(), name) {
			errs = append(errs, fmt.Errorf("verdict: unknown verdict %q: expected one of %s", name,
				strings.Join(verdicts(), ", ")))
		}
	}
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		errs = append(errs, fmt.Errorf("until: %s is not after since, %s: expected a later time",
			f.Until.Format(time.RFC3339), f.Since.Format(time.RFC3339)))
	}
	if f.Limit < 0 {
		errs = append(errs, fmt.Errorf("limit: %d is negative: expected a number of records, or 0 for all", f.Limit))
	}
	return errors.Join(errs...)
}

// verdicts are the actions that a record can tell.
func verdicts() []string {
	return []string{flow.Allow.String(), flow.Deny.String(), flow.WouldDeny.String()}
}

// Matches says whether a record is wanted.
func (f *Filter) Matches(e *journal.Entry) bool {
	r := &e.Record
	return (f.Since.IsZero() || !r.Time.Before(f.Since)) && (f.Until.IsZero() || r.Time.Before(f.Until)) &&
		among(f.Services, r.Service) && among(f.Events, r.Event) && (f.Session.IsZero() || f.Session == r.Session) &&
		(len(f.Verdicts) == 0 || among(f.Verdicts, verdictOf(r))) &&
		anyOf(f.Zones, zonesOf(r)) && f.matchesProgram(r) && anyOf(f.Users, usersOf(r)) &&
		(f.Grep == nil || f.Grep.Match(e.Line))
}

func (f *Filter) matchesProgram(r *flow.Record) bool {
	if len(f.Programs) == 0 {
		return true
	}
	return slices.ContainsFunc(programsOf(r), func(program string) bool {
		return slices.ContainsFunc(f.Programs, func(name string) bool {
			return program == name || strings.HasPrefix(program, name+" ")
		})
	})
}

func among[T comparable](wanted []T, v T) bool { return len(wanted) == 0 || slices.Contains(wanted, v) }

func anyOf(wanted, told []string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(told, func(v string) bool { return slices.Contains(wanted, v) })
}

// verdictOf is empty when the record tells none.
func verdictOf(r *flow.Record) string {
	if r.Verdict == nil {
		return ""
	}
	return r.Verdict.Action.String()
}

// zonesOf are the zones that a record tells, each once.
func zonesOf(r *flow.Record) []string {
	var zones []string
	if r.Peer != nil {
		zones = append(zones, r.Peer.Zone.String())
		if c := r.Peer.Conveyed; c != nil {
			zones = addNew(zones, c.Zone.String())
		}
	}
	// Of a far end and of an alert the unknown zone says that there is nothing to tell.
	if r.Origin != nil && r.Origin.Forwarder != nil && r.Origin.Forwarder.Zone != flow.ZoneUnknown {
		zones = addNew(zones, r.Origin.Forwarder.Zone.String())
	}
	if r.Alert != nil && r.Alert.Zone != flow.ZoneUnknown {
		zones = addNew(zones, r.Alert.Zone.String())
	}
	return zones
}

// programsOf are the programs that a record tells, each once.
func programsOf(r *flow.Record) []string {
	var programs []string
	if o := r.Origin; o != nil && o.Known() {
		programs = addNew(programs, o.Program)
		for _, p := range o.Processes() {
			programs = addNew(programs, p.Program)
		}
	}
	if r.Alert != nil {
		programs = addNew(programs, r.Alert.Program)
	}
	return programs
}

// usersOf are the names and numbers of the users that a record tells, each once.
func usersOf(r *flow.Record) []string {
	o := r.Origin
	if o == nil || !o.Known() {
		return nil
	}
	users := addNew([]string{number(o.UID)}, o.User)
	for _, p := range o.Processes() {
		users = addNew(addNew(users, number(p.UID)), p.User)
	}
	return users
}

func number(uid uint32) string { return strconv.FormatUint(uint64(uid), 10) }

// addNew leaves out what is empty and what is there.
func addNew(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
