package rules

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// answer is whether a condition holds. The least answer of a rule's conditions is the rule's: one that does not hold
// outweighs all others, and as long as one waits for the process it cannot be said what the rest comes to.
type answer uint8

const (
	no      answer = iota
	pending        // the process has to be looked for first
	unknown
	yes
)

func sure(holds bool) answer {
	if holds {
		return yes
	}
	return no
}

// zoneSet is a set of zones.
type zoneSet uint16

const (
	everyZone  = zoneSet(1<<(flow.ZonePublic+1) - 1)
	localZones = zoneSet(1<<flow.ZoneUnix | 1<<flow.ZoneLoopback | 1<<flow.ZoneSelf)
)

// zoneBit is the set of z alone. A zone that is none is treated as unknown.
func zoneBit(z flow.Zone) zoneSet {
	if z > flow.ZonePublic {
		z = flow.ZoneUnknown
	}
	return 1 << z
}

// pattern is a name, or the start of one.
type pattern struct {
	text string // without the *
	glob bool
}

func newPattern(text string) pattern {
	start, glob := strings.CutSuffix(text, "*")
	return pattern{start, glob}
}

func (p pattern) matches(name string) bool {
	if p.glob {
		return strings.HasPrefix(name, p.text)
	}
	return name == p.text
}

// rule is a compiled rule. It does not change.
type rule struct {
	Rule
	service     string // whose own it is; empty for all
	deny        bool
	observe     bool // a denial that is only told
	lenient     bool // what is not known counts for the peer
	conditional bool // once it matches by the peer's place, it may still not match
	whenOnly    bool // and its expression is all that can have it not match
	zones       zoneSet
	interfaces  []pattern
	clientZones zoneSet
	uids        []uint32
	executables []pattern
	programs    []pattern
	containers  containers
	units       []pattern
	carriage    carriage
	when        *condition
	says        string // "allows zone lan"
}

func (r *rule) appliesTo(service string) bool {
	if r.service != "" {
		return r.service == service
	}
	return len(r.Services) == 0 || slices.Contains(r.Services, service)
}

// namesPlace says whether the rule says where its peers are.
func (r *rule) namesPlace() bool {
	return len(r.Zones) > 0 || len(r.CIDRs) > 0 || len(r.interfaces) > 0
}

// matchesUnknown says whether an answer that is not known counts as a match. It counts against the peer, or for it where
// the rule is lenient.
func (r *rule) matchesUnknown() bool { return r.deny != r.lenient }

// matches turns an answer into whether the rule counts as matched. What is not known never lets in a peer that is not
// proven to be on this host: nothing could be known of anybody there.
func (r *rule) matches(a answer, f *flow.Facts) bool {
	if a != unknown {
		return a == yes
	}
	return r.matchesUnknown() && (r.deny || f.Peer.Local())
}

// bare says whether the rule has no condition at all.
func (r *rule) bare() bool { return !r.namesPlace() && !r.conditional }

func (r *rule) inZone(f *flow.Facts) bool { return r.zones&zoneBit(f.Peer.Zone) != 0 }

func (r *rule) inRange(f *flow.Facts) bool {
	if len(r.CIDRs) == 0 {
		return true
	}
	addr := plain(f.Peer.Addr.Addr())
	return slices.ContainsFunc(r.CIDRs, func(c CIDR) bool { return c.Contains(addr) })
}

// onInterface is unknown for a peer whose ingress could not be found out; a Unix socket has none.
func (r *rule) onInterface(f *flow.Facts) answer {
	name := f.Peer.Interface
	switch {
	case len(r.interfaces) == 0:
		return yes
	case name == "" && f.Peer.Zone != flow.ZoneUnix:
		return unknown
	}
	return sure(name != "" && slices.ContainsFunc(r.interfaces, func(p pattern) bool { return p.matches(name) }))
}

func (r *rule) byUser(f *flow.Facts) answer {
	switch {
	case len(r.Users) == 0:
		return yes
	case !known(&f.Origin):
		return unknown
	}
	return sure(slices.Contains(r.uids, f.Origin.UID))
}

// known says whether the peer's user is.
func known(o *flow.Origin) bool { return o.Attribution != flow.AttributionNone }

func parseUID(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == math.MaxUint32 { // (uid_t)-1 is nobody's
		return 0, fmt.Errorf("user number %q: expected 0 to %d", text, uint32(math.MaxUint32-1))
	}
	return uint32(n), nil
}
