package rules

import (
	"fmt"
	"strings"
)

// Summary says in a clause who is let in to a service: "local peers; by rules: flag.allow.lan; 1 deny rule".
func (s *Set) Summary(service string) string {
	d := s.services[service]
	if d == nil {
		return "nobody"
	}
	base := "local peers"
	switch {
	case s.observe:
		base = "everybody but peers that claim to be local and are not; what would be denied is recorded"
	case d.unix:
		base = fmt.Sprintf("lodoor's own user (uid %d)", s.config.UID)
	}
	var allows []string
	denies := 0
	for _, r := range d.rules {
		if r.deny {
			denies++
		} else {
			allows = append(allows, r.Name)
		}
	}
	parts := []string{base}
	if len(allows) > 0 {
		parts = append(parts, enumerateRules(allows))
	}
	switch {
	case denies == 1:
		parts = append(parts, "1 deny rule")
	case denies > 1:
		parts = append(parts, fmt.Sprintf("%d deny rules", denies))
	}
	if s.NeedsProcess(service) {
		parts = append(parts, fmt.Sprintf("the peer's process is waited for, at most %v", s.wait))
	}
	return strings.Join(parts, "; ")
}

// enumerateRules names at most three rules.
func enumerateRules(names []string) string {
	const most = 3
	if len(names) > most {
		return fmt.Sprintf("by rules: %s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return "by rules: " + strings.Join(names, ", ")
}
