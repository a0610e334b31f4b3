package rules

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/lodoor/lodoor/proxy/flow"
)

// mostPrintable is how much of a text that a peer chose goes into a reason, in bytes.
const mostPrintable = 100

// who is the peer in a few words: "192.0.2.7 in zone lan", "user bob (uid 1001) at 127.0.0.1", "psql (pid 4242) of user
// ada at 127.0.0.1", and for whom it speaks.
func who(f *flow.Facts) string {
	says := whoBehind(f)
	if c := f.Origin.Forwarder; c != nil {
		says += ", carried by " + carrier(c)
	}
	if f.Peer.Conveyed != nil {
		says += fmt.Sprintf(", for %s in %s", clientAddress(f), zoneText(clientZone(&f.Peer)))
	}
	return says
}

func whoBehind(f *flow.Facts) string {
	at := address(f)
	switch {
	case processKnown(&f.Origin):
		return processes(f.Origin.Processes()) + " of " + shortAccount(&f.Origin) + " at " + at
	case known(&f.Origin):
		return account(&f.Origin) + " at " + at
	case f.Peer.Zone == flow.ZoneUnix:
		return "at " + at
	}
	return at + " in " + zoneText(f.Peer.Zone)
}

// processes names the first: "psql (pid 4242)", "psql (pid 4242) and 2 more".
func processes(all []*flow.Process) string {
	p := all[0]
	says := cmp.Or(printable(p.Program), "a process")
	if p.PID != 0 {
		says += fmt.Sprintf(" (pid %d)", p.PID)
	}
	if more := len(all) - 1; more > 0 {
		says += fmt.Sprintf(" and %d more", more)
	}
	return says
}

// carrier is a forwarder and where its far end is, as far as that is known: "sshd from 203.0.113.9".
func carrier(c *flow.Forwarder) string {
	name := printable(c.Name)
	switch {
	case c.Far.IsValid():
		return name + " from " + plain(c.Far.Addr()).String()
	case c.Zone != flow.ZoneUnknown:
		return name + " from " + zoneText(c.Zone)
	}
	return name
}

func address(f *flow.Facts) string {
	switch {
	case f.Peer.Addr.IsValid():
		return plain(f.Peer.Addr.Addr()).String()
	case f.Peer.Path != "":
		return "unix:" + f.Peer.Path
	case f.Peer.Zone == flow.ZoneUnix:
		return "a Unix socket"
	}
	return "an unknown address"
}

func clientAddress(f *flow.Facts) string {
	switch c := f.Peer.Conveyed; {
	case c == nil:
		return address(f)
	case c.Client.IsValid():
		return plain(c.Client.Addr()).String()
	}
	return "an unknown address"
}

func account(o *flow.Origin) string {
	if o.User == "" {
		return fmt.Sprintf("uid %d", o.UID)
	}
	return fmt.Sprintf("user %s (uid %d)", o.User, o.UID)
}

func shortAccount(o *flow.Origin) string {
	if o.User == "" {
		return account(o)
	}
	return "user " + o.User
}

func containerText(c flow.Container) string {
	switch {
	case c == flow.Container{}:
		return "in no container"
	case c.ID == "":
		return "a container of " + c.Runtime
	}
	return strings.TrimSpace(c.Runtime + " container " + c.ID[:min(len(c.ID), leastContainerID)])
}

func zoneText(z flow.Zone) string {
	if z == flow.ZoneUnknown {
		return "an unknown zone"
	}
	return "zone " + z.String()
}

// printable is a text that a process chose, fit for a message.
func printable(s string) string {
	if len(s) > mostPrintable {
		s = s[:mostPrintable] + "…"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return strconv.Quote(s)
	}
	return s
}
