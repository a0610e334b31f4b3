package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/logsink/alert"
)

// P12: a program chooses its name, and alerts tell it.
func TestJSONHasNothingThatATerminalObeys(t *testing.T) {
	const program = "\u009b31m\u202e\u2028\x7fé\U000e0001"
	var out bytes.Buffer
	said := control.Alerts{Active: []alert.Status{{ID: "00c0ffee", Program: program, Message: "new: " + program}}}
	if err := showAlerts(&out, "x", &said, true); err != nil {
		t.Fatal(err)
	}
	hidden := func(r rune) bool { return r < ' ' || r > '~' }
	if strings.ContainsFunc(strings.TrimSuffix(out.String(), "\n"), hidden) {
		t.Errorf("not everything is escaped: %q", out.String())
	}
	var back control.Alerts
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back.Active[0].Program != program {
		t.Errorf("read back as %+v: %v", back, err)
	}
}
