package rules

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Config is what a set depends on beside the settings.
type Config struct {
	// UID is the user that lodoor runs as. It is the only one that a Unix-socket backend lets in by default.
	UID uint32
	// LookupUser finds the uid of a name; nil asks os/user.
	LookupUser func(name string) (uint32, error)
	// Location is where hour, weekday and time of expressions are; nil is time.Local.
	Location *time.Location
	// NoProcesses says why the processes behind peers cannot be found here, as a clause; empty when they can.
	NoProcesses string
}

// Compile makes a set of rules. The error joins a [RuleError] for everything that is wrong.
func Compile(s Settings, services []Service, c Config) (*Set, error) {
	if c.LookupUser == nil {
		c.LookupUser = lookupUser
	}
	if c.Location == nil {
		c.Location = time.Local
	}
	k := &compiler{config: c, observe: s.Enforce.observes(false), lenient: s.OnUnknown.lenient(false)}
	if err := s.Validate(); err != nil {
		k.problems = append(k.problems, err)
	}
	for _, svc := range services {
		if slices.Contains(k.services, svc.Name) {
			k.problems = append(k.problems, fmt.Errorf("service %q is given twice", svc.Name))
		}
		k.services = append(k.services, svc.Name)
	}
	global := k.list("", s.Rules, nil)
	lists := make([][]*rule, 0, len(services)+1)
	for _, svc := range services {
		lists = append(lists, k.list(svc.Name, svc.Rules, global))
	}
	if len(k.problems) > 0 {
		return nil, errors.Join(k.problems...)
	}
	compact(slices.Concat(append(lists, global)...))
	set := &Set{
		config: c, observe: k.observe, wait: cmp.Or(s.ProcessWait, defaultProcessWait),
		services:   make(map[string]*door, len(services)),
		evaluators: &sync.Pool{New: func() any { return newEvaluator() }},
	}
	for i, svc := range services {
		set.services[svc.Name] = newDoor(svc, slices.Concat(lists[i], global), set)
		set.order = append(set.order, svc.Name)
	}
	set.warnings = warnings(set, global)
	return set, nil
}

// compiler turns settings into rules and keeps the problems.
type compiler struct {
	config   Config
	observe  bool
	lenient  bool
	services []string
	problems []error
	at       RuleError // the rule at work
}

// problem keeps a problem of the rule at work.
func (k *compiler) problem(key, format string, args ...any) {
	e := k.at
	e.Key, e.Err = key, fmt.Errorf(format, args...)
	k.problems = append(k.problems, &e)
}

// list compiles the rules of one list; names must differ within it, and from those of the rules that follow it.
func (k *compiler) list(service string, rules []Rule, following []*rule) []*rule {
	names := make(map[string]bool, len(rules)+len(following))
	for _, r := range following {
		names[r.Name] = true
	}
	compiled := make([]*rule, 0, len(rules))
	for i := range rules {
		k.at = RuleError{Service: service, Index: i, Rule: rules[i].Name}
		k.name(rules[i].Name, names)
		compiled = append(compiled, k.rule(&rules[i], service))
	}
	return compiled
}

func (k *compiler) name(name string, taken map[string]bool) {
	switch {
	case name == "":
		k.problem("name", "every rule needs one: records and alerts tell it")
		return
	case name != strings.TrimSpace(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		k.problem("name", "expected printable characters without spaces around them")
	case strings.HasPrefix(name, "builtin.") || strings.HasPrefix(name, "limit."):
		k.problem("name", "names that start with builtin. or limit. are lodoor's own")
	case taken[name]:
		k.problem("name", "another rule has the same name")
	}
	taken[name] = true
}

// rule compiles one rule.
func (k *compiler) rule(s *Rule, service string) *rule {
	r := &rule{Rule: *s, service: service, deny: s.Action == ActionDeny}
	r.observe = r.deny && s.Enforce.observes(k.observe)
	switch s.Action {
	case ActionAllow, ActionDeny:
	case ActionUnset:
		k.problem("action", "not given: expected one of allow, deny")
	default:
		k.problem("action", "unknown action %s: expected one of allow, deny", s.Action)
	}
	if s.Enforce > EnforceObserve {
		k.problem("enforce", "unknown enforcement %s: expected one of on, observe", s.Enforce)
	}
	if s.OnUnknown > OnUnknownAllow {
		k.problem("on_unknown", "unknown word %s: expected one of deny, allow", s.OnUnknown)
	}
	r.lenient = s.OnUnknown.lenient(k.lenient)
	k.conditions(r, s)
	r.says = describe(r)
	return r
}

// conditions compiles what the rule asks.
func (k *compiler) conditions(r *rule, s *Rule) {
	k.serviceList(r, s.Services)
	r.zones = k.zoneMask("zones", s.Zones)
	r.CIDRs = k.cidrs("cidrs", s.CIDRs)
	r.interfaces = k.patterns("interfaces", s.Interfaces, "a name such as eth0, or the start of one and a * such as veth*")
	r.clientZones = k.zoneMask("client_zones", s.ClientZones)
	r.ClientCIDRs = k.cidrs("client_cidrs", s.ClientCIDRs)
	r.uids = k.users(s.Users)
	r.executables = k.executables(s.Executables)
	r.programs = k.patterns("programs", s.Programs, `a program such as psql, or the start of one and a * such as "python *"`)
	r.containers = k.containers(s.Containers)
	r.units = k.patterns("units", s.Units, "a unit such as shop.service, or the start of one and a * such as postgresql@*")
	r.carriage = k.forwarders(s.Forwarder)
	if s.When != "" {
		when, err := compileWhen(s.When, k.config.Location, k.services)
		if err != nil {
			k.problem("when", "%w", err)
		}
		r.when = when
	}
	lists := len(s.Users) > 0 || r.namesClient() || r.namesProcess() || r.carriage.given
	r.conditional = lists || r.when != nil
	r.whenOnly = r.when != nil && !lists && len(r.interfaces) == 0
}

// given says whether a list was given; one that was given empty is a problem, since it could be meant as nobody or
// as everybody.
func given[T any](k *compiler, key string, list []T) bool {
	if list != nil && len(list) == 0 {
		k.problem(key, "the list is empty: leave it out to match any, or name what is to match")
	}
	return len(list) > 0
}

func (k *compiler) serviceList(r *rule, names []string) {
	if given(k, "services", names) && r.service != "" {
		k.problem("services", "a rule of one service names no services: write it under the rules of all")
		return
	}
	for i, name := range names {
		if !slices.Contains(k.services, name) {
			known := slices.Sorted(slices.Values(k.services))
			k.problem(fmt.Sprintf("services[%d]", i), "unknown service %q: expected one of %s", name, strings.Join(known, ", "))
		}
	}
}

func (k *compiler) zoneMask(key string, zones []flow.Zone) zoneSet {
	if !given(k, key, zones) {
		return everyZone
	}
	var mask zoneSet
	for i, z := range zones {
		if z > flow.ZonePublic {
			k.problem(fmt.Sprintf("%s[%d]", key, i), "unknown zone %s", z)
			continue
		}
		mask |= zoneBit(z)
		if z == flow.ZonePublic { // what could not be told is treated as public
			mask |= zoneBit(flow.ZoneUnknown)
		}
	}
	return mask
}

func (k *compiler) cidrs(key string, list []CIDR) []CIDR {
	if !given(k, key, list) {
		return nil
	}
	clean := make([]CIDR, 0, len(list))
	for i, c := range list {
		c, err := newCIDR(c.Prefix)
		if err != nil {
			k.problem(fmt.Sprintf("%s[%d]", key, i), "%w", err)
			continue
		}
		clean = append(clean, c)
	}
	return clean
}
