package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	// File, Line and Column are where it is; empty and 0 when it does not come from a file.
	File         string
	Line, Column int
	// Source is where it is when it is in no file: the name of an environment variable or of a flag.
	Source string
	// Key is the path of the setting: services[0].listen[1]. It is empty for what is wrong with a file as a whole.
	Key string
	// Text is what was found, what was expected and how to mend it. It never has a secret in it.
	Text string
}

// String writes FILE:LINE:COLUMN: KEY: TEXT, so that editors find the place.
func (p Problem) String() string {
	parts := []string{p.Source, p.Key, p.Text}
	if p.File != "" {
		parts[0] = p.File
		if p.Line > 0 {
			parts[0] = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
		}
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}

// Error is a configuration that cannot be used: all of its problems, in the order in which they are read.
type Error struct{ Problems []Problem }

// mostShown is how many problems a message has: a person mends the first ones first.
const mostShown = 50

// Error writes one problem a line, after a line with their number when there are several.
func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0].String()
	}
	lines := []string{fmt.Sprintf("the configuration has %d problems", len(e.Problems))}
	for _, p := range e.Problems[:min(len(e.Problems), mostShown)] {
		lines = append(lines, p.String())
	}
	if more := len(e.Problems) - mostShown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// asError is nil when there are no problems.
func asError(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(
			-cmp.Compare(a.File, b.File), // the file first, then what is in none
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Source, b.Source),
			cmp.Compare(a.Key, b.Key),
		)
	})
	return &Error{slices.CompactFunc(problems, same)}
}

// same says whether two problems are one: what an alias repeats is wrong only where it is written.
func same(a, b Problem) bool {
	if a.Line > 0 {
		a.Key = b.Key
	}
	return a == b
}
