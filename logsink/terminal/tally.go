package terminal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	maxTallied  = 256 // kinds that are told apart
	maxReported = 5   // kinds that a report names
)

// Tally is how many sessions there were of a kind.
type Tally struct {
	Kind  string
	Count uint64
}

// client is what sessions of one program and user have in common.
type client struct {
	program, user string
	uid           uint32
}

func (c client) String() string {
	return who(&flow.Origin{Attribution: flow.AttributionUIDOnly, Program: c.program, User: c.user, UID: c.uid}, false)
}

// carriage is what sessions that one kind of forwarder carried from one zone have in common.
type carriage struct {
	name string
	zone flow.Zone
	own  bool
}

func (c carriage) String() string {
	return carrier(&flow.Forwarder{Name: c.name, Zone: c.zone, Own: c.own})
}

// tallies count sessions by kind. The zero one is ready. Kinds are chosen by who connects: there is a bound on them.
type tallies[K comparable] struct {
	counts map[K]*uint64
	rest   uint64 // sessions of kinds that found no room

	last  K // of the session before, and its count: sessions mostly come from one program
	count *uint64
}

func (t *tallies[K]) add(k K) {
	if t.count == nil || t.last != k {
		t.last, t.count = k, t.find(k)
	}
	*t.count++
}

func (t *tallies[K]) find(k K) *uint64 {
	if n := t.counts[k]; n != nil {
		return n
	}
	if len(t.counts) == maxTallied {
		return &t.rest
	}
	if t.counts == nil {
		t.counts = make(map[K]*uint64)
	}
	n := new(uint64)
	t.counts[k] = n
	return n
}

// list is the most frequent first; what found no room is last.
func (t *tallies[K]) list(name func(K) string) []Tally {
	all := make([]Tally, 0, len(t.counts)+1)
	for k, n := range t.counts {
		all = append(all, Tally{name(k), *n})
	}
	slices.SortFunc(all, func(a, b Tally) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Kind, b.Kind))
	})
	if t.rest > 0 {
		all = append(all, Tally{"others", t.rest})
	}
	return all
}

// tallyWords is a line of a report; empty when there is nothing to tell.
func tallyWords(title string, all []Tally) string {
	if len(all) == 0 {
		return ""
	}
	words := make([]string, 0, maxReported+1)
	for _, t := range all[:min(len(all), maxReported)] {
		words = append(words, fmt.Sprintf("%s: %d", Visible(t.Kind), t.Count))
	}
	if more := all[len(words):]; len(more) > 0 {
		sum := uint64(0)
		for _, t := range more {
			sum += t.Count
		}
		words = append(words, fmt.Sprintf("others: %d", sum))
	}
	return title + ": " + strings.Join(words, ", ") + "\n"
}
