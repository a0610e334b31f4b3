//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/workload"
)

// plan is what is measured: workloads, and the doors that each of them visits.
type plan struct {
	workloads []workload.Workload
	doors     map[string]peers.Door
	names     []string // of the doors, in the order in which they are shown
}

// newPlan takes what was asked for from what there is. A door that was named is visited also by the workloads that
// would leave it out; one without a relay is not visited by workloads that measure nothing else.
func newPlan(o options) (plan, error) {
	p := plan{doors: make(map[string]peers.Door)}
	for _, d := range peers.All() {
		p.doors[d.Name] = d
	}
	only, doors, leaveOut := split(o.only), split(o.doors), split(o.leaveOut)
	for _, name := range slices.Concat(doors, leaveOut) {
		if _, ok := p.doors[name]; !ok {
			return p, fmt.Errorf("unknown door %q; -list names them", name)
		}
	}
	for _, w := range workload.All() {
		if len(only) > 0 && !slices.Contains(only, w.Name) {
			continue
		}
		if len(doors) > 0 {
			relayed := !slices.Contains(w.Doors, peers.Direct)
			w.Doors = slices.DeleteFunc(slices.Clone(doors), func(name string) bool {
				return relayed && p.doors[name].Program() == ""
			})
		}
		w.Doors = slices.DeleteFunc(slices.Clone(w.Doors), func(name string) bool { return slices.Contains(leaveOut, name) })
		if len(w.Doors) > 0 {
			p.workloads = append(p.workloads, w)
		}
	}
	for _, name := range only {
		if !slices.ContainsFunc(workload.All(), func(w workload.Workload) bool { return w.Name == name }) {
			return p, fmt.Errorf("unknown workload %q; -list names them", name)
		}
	}
	if len(p.workloads) == 0 {
		return p, errors.New("none of these workloads visits one of these doors")
	}
	for _, d := range peers.All() {
		if slices.ContainsFunc(p.workloads, func(w workload.Workload) bool { return slices.Contains(w.Doors, d.Name) }) {
			p.names = append(p.names, d.Name)
		}
	}
	return p, nil
}

// split parts a list at its commas.
func split(list string) []string {
	var parts []string
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// services are those that the workloads need.
func (p plan) services() []string {
	var names []string
	for _, w := range p.workloads {
		names = append(names, w.Services...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// order is that of the doors in one round of a workload. It is another in every round, so that no door always comes
// after the same one, and the same for the same seed.
func order(doors []string, seed uint64, round int) []string {
	shuffled := slices.Clone(doors)
	rand.New(rand.NewPCG(seed, uint64(round))).Shuffle(len(shuffled), func(i, j int) { //nolint:gosec // not for secrets
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	})
	return shuffled
}
