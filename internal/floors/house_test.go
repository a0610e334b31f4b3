// Package floors holds the test of the house's order: imports go down only. It has no code of its own.
package floors

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const module = "github.com/lodoor/lodoor"

// rule names what an import broke. Each is a sentence about the importing package.
type rule string

const (
	ruleUnknown  rule = "stands on no floor: give it one in internal/floors and in .golangci.yml"
	ruleUp       rule = "imports upwards"
	ruleBeside   rule = "imports a neighbour on its own floor"
	ruleStandard rule = "imports more than the standard library"
	rulePorts    rule = "imports more than proxy/flow and proxy/lane"
	ruleApart    rule = "knows of a room that it is to know nothing of"
	ruleTestOnly rule = "imports test support outside of a test"
)

// pack is a package of ours, with what its code and what its tests import.
type pack struct {
	path           string
	code, testCode []string
}

// finding is one broken rule; imported is empty when the package itself is the trouble.
type finding struct {
	path, imported string
	rule           rule
}

func (f finding) String() string {
	if f.imported == "" {
		return fmt.Sprintf("%s %s", f.path, f.rule)
	}
	return fmt.Sprintf("%s %s: %s", f.path, f.rule, f.imported)
}

// house says where each package stands. A name that ends in /... is of a room whose children share its floor.
type house struct {
	floors map[string]int
	// support is for tests alone.
	support []string
	// apart are pairs of which neither may know the other, whatever their floors.
	apart [][2]string
}

func lodoor() house {
	rooms := [][]string{
		// What siblings of a room share stands below them, and like flow imports the standard library only.
		0: {"proxy/flow", "proxy/wire/sql", "proxy/wire/hello", "logsink/pcapng/block"},
		1: {
			"proxy/lane", "proxy/origin/...", "proxy/proxyproto", "proxy/gate/...", "proxy/wire/...", "proxy/kernel/...",
			"rules", "logsink/journal", "logsink/pcapng/...", "logsink/secret",
			"bench/stats", "bench/parse", "bench/machine", "bench/load",
		},
		2: {
			"proxy/peer", "proxy/probe", "proxy/wrap", "rules/exposure", "logsink", "logsink/alert/...", "logsink/terminal",
			"logsink/history", "logsink/coverage", "logsink/export/...", "logsink/operations/...", "logsink/replay/...",
			"bench/peers", "bench/services",
		},
		3: {"proxy", "bench/workload"},
		4: {"configs", "console/...", "bench/report"},
		5: {"cmd/...", "bench/..."},
	}
	floors := map[string]int{}
	for floor, names := range rooms {
		for _, name := range names {
			floors[name] = floor
		}
	}
	return house{
		floors:  floors,
		support: []string{"internal/testkit", "internal/floors", "proxy/lane/lanetest", "logsink/replay/replaytest"},
		apart: [][2]string{
			{"rules", "logsink"},
			{"proxy/peer", "rules"}, {"proxy/peer", "logsink"},
			{"proxy/probe", "rules"}, {"proxy/probe", "logsink"},
			{"proxy/wrap", "rules"}, {"proxy/wrap", "logsink"},
		},
	}
}

// check returns the broken rules of all packages, in order.
func (h house) check(packs []pack) []finding {
	var found []finding
	for _, p := range packs {
		found = append(found, h.checkPack(p)...)
	}
	return found
}

func (h house) checkPack(p pack) []finding {
	if _, ok := h.floor(p.path); !ok && !h.isSupport(p.path) {
		return []finding{{p.path, "", ruleUnknown}}
	}
	var found []finding
	for _, imported := range p.code {
		if broken := h.checkCode(p.path, imported); broken != "" {
			found = append(found, finding{p.path, imported, broken})
		}
	}
	for _, imported := range p.testCode {
		if broken := h.checkTest(p.path, imported); broken != "" {
			found = append(found, finding{p.path, imported, broken})
		}
	}
	return found
}

// checkCode says what rule an import by code that is not a test breaks.
func (h house) checkCode(from, to string) rule {
	floor, _ := h.floor(from)
	own := strings.HasPrefix(to, module+"/")
	switch {
	case floor == 0 && !h.isSupport(from):
		if own || !isStandard(to) {
			return ruleStandard
		}
	case !own:
	case h.isSupport(from):
		return h.checkSupport(from, to)
	case h.isSupport(to):
		return ruleTestOnly
	case h.areApart(from, to):
		return ruleApart
	case inModule(from) == "proxy" && inModule(to) != "proxy/flow" && inModule(to) != "proxy/lane":
		return rulePorts
	default:
		return h.checkFloors(from, to)
	}
	return ""
}

func (h house) checkFloors(from, to string) rule {
	lower, ok := h.floor(to)
	upper, _ := h.floor(from)
	switch {
	case !ok:
		return "" // it has a finding of its own
	case lower > upper:
		return ruleUp
	case lower == upper && !strings.HasPrefix(to, from+"/"):
		return ruleBeside
	}
	return ""
}

// checkSupport keeps test support below what it supports, so that every test may use it: it knows the package that it
// stands in, what is below that, and other support.
func (h house) checkSupport(from, to string) rule {
	if h.isSupport(to) || strings.HasPrefix(from, to+"/") {
		return ""
	}
	parent, inRoom := h.floor(parentOf(from))
	lower, ok := h.floor(to)
	if inRoom && ok && lower < parent {
		return ""
	}
	return ruleUp
}

// checkTest says what rule an import by a test breaks. A test may stand its package beside its neighbours, as real
// parts, but it needs nobody above it.
func (h house) checkTest(from, to string) rule {
	if !strings.HasPrefix(to, module+"/") || to == from || h.isSupport(to) || h.isSupport(from) {
		return ""
	}
	lower, ok := h.floor(to)
	upper, _ := h.floor(from)
	if ok && lower > upper {
		return ruleUp
	}
	return ""
}

// floor is the floor on which a package stands, given by its own name or by the room around it.
func (h house) floor(path string) (int, bool) {
	name := inModule(path)
	if f, ok := h.floors[name]; ok {
		return f, true
	}
	for ; name != ""; name = parentOf(name) {
		if f, ok := h.floors[name+"/..."]; ok {
			return f, true
		}
	}
	return 0, false
}

func (h house) isSupport(path string) bool { return slices.Contains(h.support, inModule(path)) }

func (h house) areApart(a, b string) bool {
	for _, pair := range h.apart {
		if within(a, pair[0]) && within(b, pair[1]) || within(a, pair[1]) && within(b, pair[0]) {
			return true
		}
	}
	return false
}

func within(path, room string) bool { return strings.HasPrefix(inModule(path)+"/", room+"/") }

func inModule(path string) string { return strings.TrimPrefix(path, module+"/") }

func parentOf(path string) string {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)]
}

// isStandard says whether a path is of the standard library: only there has the first element no dot.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// rooms are the names in the house's table, in order.
func (h house) rooms() []string { return slices.Sorted(maps.Keys(h.floors)) }
