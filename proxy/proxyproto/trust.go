package proxyproto

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// The rules that trust is told by. docs/proxy-protocol.md tells the first, docs/rules.md the second.
const (
	ruleHeader    = "builtin.proxy_header"
	ruleDisguised = "builtin.disguised"
)

// doubt is why a peer is not trusted.
type doubt struct {
	why string
	// unknown says that a search for the peer's process can still change it.
	unknown bool
}

// Trust says whether the peer may say for whom it speaks. It answers [flow.Need] while something that it depends on is
// not known and was not looked for.
func (r *Reader) Trust(f *flow.Facts) flow.Verdict {
	if f.Peer.Disguised() {
		return flow.Verdict{Rule: ruleDisguised, Cause: flow.CauseDisguised, Reason: fmt.Sprintf(
			"%s claims to be on this host (zone %s) and is not", address(&f.Peer), f.Peer.Zone)}
	}
	for _, ask := range []func(*flow.Facts) *doubt{r.askZone, r.askUser, r.askExecutable} {
		d := ask(f)
		switch {
		case d == nil:
		case d.unknown && !f.Sought && f.Peer.Local():
			return flow.Verdict{Action: flow.Need}
		default:
			return flow.Verdict{Rule: ruleHeader, Cause: flow.CauseHeader, Reason: fmt.Sprintf(
				"%s is not trusted to send the PROXY header that this service requires: %s", address(&f.Peer), d.why)}
		}
	}
	return flow.Verdict{Action: flow.Allow, Rule: ruleHeader, Reason: "the peer is trusted to send a PROXY header"}
}

func (r *Reader) askZone(f *flow.Facts) *doubt {
	zone := f.Peer.Zone
	switch {
	case len(r.from.Zones) == 0, slices.Contains(r.from.Zones, zone):
		return nil
	case zone == flow.ZoneUnknown && slices.Contains(r.from.Zones, flow.ZonePublic): // treated as public
		return nil
	}
	return &doubt{why: fmt.Sprintf("it is in zone %s; if it is a proxy of yours, add %s to proxy_protocol.from.zones",
		zone, zone)}
}

// askUser looks at whose socket it is and, where they are known, at the users of all that hold it.
func (r *Reader) askUser(f *flow.Facts) *doubt {
	o := &f.Origin
	switch {
	case len(r.uids) == 0:
		return nil
	case !o.Known():
		return &doubt{why: "its user is not known, and proxy_protocol.from.users asks for one", unknown: true}
	case !slices.Contains(r.uids, o.UID):
		return wrongUser("it belongs to", o.User, o.UID)
	}
	for _, p := range o.Processes() {
		if !slices.Contains(r.uids, p.UID) {
			return wrongUser(fmt.Sprintf("process %d holds it, too, which belongs to", p.PID), p.User, p.UID)
		}
	}
	return nil
}

func wrongUser(how, name string, uid uint32) *doubt {
	if name == "" {
		name = strconv.FormatUint(uint64(uid), 10)
	}
	return &doubt{why: fmt.Sprintf("%s user %s (uid %d); if that is a proxy's, add it to proxy_protocol.from.users",
		how, name, uid)}
}

// askExecutable looks at all processes that may speak on the connection.
func (r *Reader) askExecutable(f *flow.Facts) *doubt {
	if len(r.from.Executables) == 0 {
		return nil
	}
	unknown := &doubt{why: "its process is not known, and proxy_protocol.from.executables asks for one", unknown: true}
	all := f.Origin.Processes()
	for _, p := range all {
		switch path := p.Executable.Path; {
		case path == "":
			return unknown
		case !slices.Contains(r.from.Executables, path):
			return &doubt{why: fmt.Sprintf("process %d runs %s; if that is a proxy, add it to proxy_protocol.from.executables",
				p.PID, strconv.QuoteToGraphic(path))}
		}
	}
	if len(all) == 0 {
		return unknown
	}
	return nil
}

// address is where the peer is, in words.
func address(p *flow.Peer) string {
	if !p.Addr.IsValid() {
		return strings.TrimSpace("a peer at the Unix socket " + p.Path)
	}
	return p.Addr.Addr().Unmap().WithZone("").String()
}
