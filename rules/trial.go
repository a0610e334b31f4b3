package rules

import (
	"fmt"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// CaseResult is what became of a case.
type CaseResult struct {
	Case Case
	// Pass says that the verdict is the expected one.
	Pass bool
	// Verdict is what the rules say. It means nothing when Err is not nil.
	Verdict flow.Verdict
	// Err is why the rules could not be asked: the case is wrong.
	Err error
}

// Test asks the rules about each case. zoneOf tells the zones that cases do not give.
func (s *Set) Test(cases []Case, zoneOf ZoneOf) []CaseResult {
	results := make([]CaseResult, len(cases))
	for i := range cases {
		results[i] = s.test(&cases[i], zoneOf)
	}
	return results
}

func (s *Set) test(c *Case, zoneOf ZoneOf) CaseResult {
	r := CaseResult{Case: *c}
	f, err := c.facts(s, zoneOf)
	if err != nil {
		r.Err = err
		return r
	}
	r.Verdict = s.Decide(f)
	r.Pass = r.Verdict.Action == c.Expect && (c.Rule == "" || r.Verdict.Rule == c.Rule)
	return r
}

// String is the result on one line: "FAIL cases.yaml:3:3: psql of ada: expected deny, got allow by builtin.local (local
// peers are let in)".
func (r CaseResult) String() string {
	c := &r.Case
	if r.Pass {
		return fmt.Sprintf("ok   %s: %s by %s", c.Name, actionText(r.Verdict.Action), r.Verdict.Rule)
	}
	where := fmt.Sprintf("FAIL %s:%d:%d: %s: ", c.File, c.Line, c.Column, c.Name)
	if r.Err != nil {
		return where + strings.ReplaceAll(r.Err.Error(), "\n", "; ")
	}
	expected := actionText(c.Expect)
	if c.Rule != "" {
		expected += " by " + c.Rule
	}
	return fmt.Sprintf("%sexpected %s, got %s by %s (%s)", where, expected, actionText(r.Verdict.Action), r.Verdict.Rule, r.Verdict.Reason)
}

func actionText(a flow.Action) string { return strings.ReplaceAll(a.String(), "_", " ") }
