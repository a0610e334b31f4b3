package terminal

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	// leastProgram is how many characters of a program are shown even when user and number need the room.
	leastProgram = 8
	// maxHolders is how many processes that share a socket are named.
	maxHolders = 3
)

// who names program and user as far as they are known, "-" when nothing is. number adds the process's.
func who(o *flow.Origin, number bool) string {
	if o == nil || o.Attribution == flow.AttributionNone {
		return "-"
	}
	user := or(o.User, "uid "+strconv.FormatUint(uint64(o.UID), 10))
	if o.Program == "" {
		return user
	}
	rest := " (" + user + ")"
	if number && o.PID != 0 {
		rest = "[" + strconv.Itoa(o.PID) + "]" + rest
	}
	return shorten(o.Program, whoWidth-len(rest)) + rest
}

// shorten leaves limit characters of a program's name, but not too few: what follows it is to be seen too.
func shorten(s string, limit int) string {
	limit = max(limit, leastProgram)
	if len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	n := 0
	for i := range s {
		if n++; n == limit {
			return s[:i] + "…"
		}
	}
	return s
}

// where names the place of a peer, 127.0.0.1:51234 or unix, or that of the client whom it speaks for.
func where(r *flow.Record) string {
	p := r.Peer
	switch {
	case p == nil:
		return "-"
	case p.Conveyed != nil:
		by := socket(p)
		if r.Origin != nil && r.Origin.Program != "" {
			by = r.Origin.Program
		}
		return p.Conveyed.Client.String() + " via " + by
	default:
		return socket(p)
	}
}

func socket(p *flow.Peer) string {
	switch {
	case p.Addr.IsValid():
		return p.Addr.String()
	case p.Zone == flow.ZoneUnix || p.Path != "":
		return "unix"
	default:
		return "-"
	}
}

// remarkable says whether an origin has something that a person should know besides program and user.
func remarkable(o *flow.Origin) bool { return o != nil && (o.Forwarder != nil || len(o.Holders) > 0) }

// remarks puts what is remarkable about an origin.
func remarks(l *line, o *flow.Origin) {
	if o == nil {
		return
	}
	if f := o.Forwarder; f != nil {
		l.cell(forwarderPaint(f), "via "+carrier(f), 0)
	}
	if len(o.Holders) > 0 {
		l.cell(yellow, holders(o.Holders), 0)
	}
}

// carrier names a forwarder and its far end: "sshd from 192.0.2.7 (lan)".
func carrier(f *flow.Forwarder) string {
	switch {
	case f.Own:
		return f.Name + ", this machine's own"
	case f.Far.IsValid():
		return fmt.Sprintf("%s from %s (%s)", f.Name, f.Far.Addr(), f.Zone)
	case f.Zone != flow.ZoneUnknown:
		return fmt.Sprintf("%s from zone %s", f.Name, f.Zone)
	default:
		return f.Name + ", from where is not known"
	}
}

func forwarderPaint(f *flow.Forwarder) paint {
	switch {
	case f.Own || f.Zone.Local():
		return plain
	case f.Zone == flow.ZoneUnknown:
		return yellow
	default:
		return red
	}
}

// holders names the processes that share a socket.
func holders(all []*flow.Process) string {
	names := make([]string, 0, maxHolders+1)
	for _, p := range all[:min(len(all), maxHolders)] {
		names = append(names, fmt.Sprintf("%s[%d]", shorten(or(p.Program, "?"), whoWidth), p.PID))
	}
	if more := len(all) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return "held by " + strings.Join(names, ", ")
}
