package rules

import (
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

func TestCondition(t *testing.T) {
	psql := &flow.Process{PID: 7, Program: "psql"}
	known := flow.Origin{Attribution: flow.AttributionLiveSocket, PID: 7, Program: "psql", Process: psql}
	for _, tc := range []struct {
		text         string
		origin       flow.Origin
		holds, needs bool
	}{
		{`service == "db"`, flow.Origin{}, true, false},
		{`service == "web"`, flow.Origin{}, false, false},
		{`process.program == "psql"`, known, true, true},
		{`process.program == "pgbench"`, known, false, true},
		{`process.program == "psql"`, flow.Origin{}, false, true},
		{`process.program != "psql"`, flow.Origin{}, false, true}, // who is not known is not known to be another
	} {
		c, err := CompileCondition(tc.text, []string{"db", "web"})
		if err != nil {
			t.Fatalf("%s: %v", tc.text, err)
		}
		for range 2 { // the evaluator is used again
			f := flow.Facts{Service: "db", Origin: tc.origin, Sought: true}
			if c.Holds(&f) != tc.holds || c.NeedsProcess() != tc.needs {
				t.Errorf("%s: holds %v, needs the process %v", tc.text, c.Holds(&f), c.NeedsProcess())
			}
		}
	}
	if _, err := CompileCondition(`service == "dbb"`, []string{"db"}); err == nil || !strings.Contains(err.Error(), "dbb") {
		t.Errorf("a service that there is not: %v", err)
	}
}
