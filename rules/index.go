package rules

import (
	"cmp"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/lodoor/lodoor/proxy/flow"
)

// index finds the rules that can match a peer without asking the others. Each rule stands in the buckets of its
// narrowest kind of place: its ranges, else its interfaces, else the bucket of all. A peer is in few buckets, and
// within one a rule that comes after another that always decides there is left out.
type index struct {
	all     bucket
	ranges  []ranged           // sorted by address, wider first
	names   map[string]*bucket // interfaces by exact name
	starts  map[string]*bucket // interfaces by the start of the name
	unnamed bucket             // rules on interfaces that may match peers whose interface is not known
}

// bucket is the rules of one place in their order.
type bucket struct {
	entries []entry
	decided zoneSet // zones in which one of the entries always decides
}

type entry struct {
	zones   zoneSet // of the rule, without those in which an earlier rule always decides
	decides bool    // always: the rule has no condition but zones and what the bucket stands for
	at      int32   // in door.rules
	// when is the rule's expression if it is all that is left to ask. The rule itself is far away in memory, and most
	// expressions do not hold.
	when *condition
}

// ranged is the bucket of one range.
type ranged struct {
	netip.Prefix
	parent int // the narrowest range that has this one within; -1 is none
	bucket
}

// newIndex makes an index of those of the door's rules that are wanted. The map has the rules that can never match, and
// one that comes before each.
func newIndex(d *door, wanted func(*rule) bool) (index, map[*rule]*rule) {
	x := index{names: map[string]*bucket{}, starts: map[string]*bucket{}}
	x.ranges = newRanges(d.rules, wanted)
	shadows := make(map[*rule]*rule)
	for i, r := range d.rules {
		if !wanted(r) {
			continue
		}
		if by := x.enter(d, i); by != nil {
			shadows[r] = by
		}
	}
	return x, shadows
}

// newRanges lays out the ranges of all rules that are wanted. Ranges nest or do not touch: the one before in the order, or one of its
// parents, is the parent.
func newRanges(rules []*rule, wanted func(*rule) bool) []ranged {
	var list []ranged
	for _, r := range rules {
		if !wanted(r) {
			continue
		}
		for _, c := range r.CIDRs {
			list = append(list, ranged{Prefix: c.Prefix})
		}
	}
	slices.SortFunc(list, func(a, b ranged) int { return compareRanges(a.Prefix, b.Prefix) })
	list = slices.CompactFunc(list, func(a, b ranged) bool { return a.Prefix == b.Prefix })
	for i := range list {
		parent := i - 1
		for parent >= 0 && !list[parent].Contains(list[i].Addr()) {
			parent = list[parent].parent
		}
		list[i].parent = parent
	}
	return list
}

func compareRanges(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// narrowest is the narrowest range with addr within, -1 when there is none.
func (x *index) narrowest(addr netip.Addr) int {
	if len(x.ranges) == 0 || !addr.IsValid() {
		return -1
	}
	last := netip.PrefixFrom(addr, addr.BitLen())
	i, found := slices.BinarySearchFunc(x.ranges, last, func(r ranged, p netip.Prefix) int { return compareRanges(r.Prefix, p) })
	if !found {
		i--
	}
	for i >= 0 && !x.ranges[i].Contains(addr) {
		i = x.ranges[i].parent
	}
	return i
}

// enter puts rule i where it belongs. When nothing is left of it, the answer is a rule before it that decides instead.
func (x *index) enter(d *door, i int) *rule {
	r := d.rules[i]
	before := int32(-1)
	left := false
	for _, p := range x.places(r) {
		entered, by := p.enter(d, i)
		left = left || entered && !p.spare
		before = max(before, by)
	}
	if left || before < 0 {
		return nil
	}
	return d.rules[before]
}

// spot is a bucket, and the wider ones that every peer in it is in too.
type spot struct {
	own   *bucket
	wider []*bucket
	// whole says that being in the bucket is all that the rule wants of the place.
	whole bool
	// spare says that the rule was not written for this bucket: being in it alone, it still can never match.
	spare bool
}

// enter puts rule i into the bucket for the zones that are not decided there. It says whether there are any; when there
// are none, also which rule decides in one of them.
func (p *spot) enter(d *door, i int) (bool, int32) {
	r := d.rules[i]
	zones := r.zones &^ p.own.decided
	for _, w := range p.wider {
		zones &^= w.decided
	}
	if zones == 0 {
		return false, p.decider(r.zones)
	}
	decides := p.whole && !d.conditional(r)
	e := entry{zones: zones, decides: decides, at: int32(i)}
	if r.whenOnly {
		e.when = r.when
	}
	p.own.entries = append(p.own.entries, e)
	if decides {
		p.own.decided |= zones
	}
	return true, -1
}

// decider is the rule that always decides in most of zones.
func (p *spot) decider(zones zoneSet) int32 {
	best, most := int32(-1), 0
	for _, b := range append([]*bucket{p.own}, p.wider...) {
		for _, e := range b.entries {
			if n := bits.OnesCount16(uint16(e.zones & zones)); e.decides && n > most {
				best, most = e.at, n
			}
		}
	}
	return best
}

// places are the spots of a rule.
func (x *index) places(r *rule) []spot {
	switch {
	case len(r.CIDRs) > 0:
		return x.rangeSpots(r)
	case len(r.interfaces) > 0:
		return x.interfaceSpots(r)
	}
	return []spot{{own: &x.all, whole: true}}
}

func (x *index) rangeSpots(r *rule) []spot {
	spots := make([]spot, 0, len(r.CIDRs))
	for _, c := range r.CIDRs {
		i, _ := slices.BinarySearchFunc(x.ranges, c.Prefix, func(e ranged, p netip.Prefix) int { return compareRanges(e.Prefix, p) })
		s := spot{own: &x.ranges[i].bucket, wider: []*bucket{&x.all}, whole: len(r.interfaces) == 0}
		for p := x.ranges[i].parent; p >= 0; p = x.ranges[p].parent {
			s.wider = append(s.wider, &x.ranges[p].bucket)
		}
		spots = append(spots, s)
	}
	return spots
}

func (x *index) interfaceSpots(r *rule) []spot {
	spots := make([]spot, 0, len(r.interfaces)+1)
	for _, p := range r.interfaces {
		table := x.names
		if p.glob {
			table = x.starts
		}
		if table[p.text] == nil {
			table[p.text] = &bucket{}
		}
		s := spot{own: table[p.text], wider: []*bucket{&x.all}, whole: true}
		for n := range len(p.text) + 1 {
			if b := x.starts[p.text[:n]]; b != nil && b != s.own {
				s.wider = append(s.wider, b)
			}
		}
		spots = append(spots, s)
	}
	if r.matchesUnknown() {
		spots = append(spots, spot{own: &x.unnamed, wider: []*bucket{&x.all}, whole: r.deny, spare: true})
	}
	return spots
}

// search asks the rules that can match the peer, bucket by bucket. A bucket is left once it is past the best so far.
func (d *door) search(q *query) finding {
	var x finding
	peer := &q.facts.Peer
	index := &d.index
	if speaksForAnother(peer) {
		index = &d.clients
	}
	i := index.narrowest(plain(peer.Addr.Addr()))
	for ; i >= 0; i = index.ranges[i].parent {
		d.ask(q, &index.ranges[i].bucket, &x)
	}
	switch {
	case peer.Interface != "":
		d.askInterface(q, index, &x)
	case peer.Zone != flow.ZoneUnix:
		d.ask(q, &index.unnamed, &x)
	}
	d.ask(q, &index.all, &x)
	return x
}

func (d *door) askInterface(q *query, index *index, x *finding) {
	name := q.facts.Peer.Interface
	if b := index.names[name]; b != nil {
		d.ask(q, b, x)
	}
	if len(index.starts) == 0 {
		return
	}
	for n := range len(name) + 1 {
		if b := index.starts[name[:n]]; b != nil {
			d.ask(q, b, x)
		}
	}
}

func (d *door) ask(q *query, b *bucket, x *finding) {
	zone := zoneBit(q.facts.Peer.Zone)
	for i := range b.entries {
		e := &b.entries[i]
		if x.decides.before(int(e.at)) {
			return
		}
		if e.zones&zone == 0 {
			continue
		}
		if a := q.left(e); a != no && x.take(q, int(e.at), a) {
			return
		}
	}
}
