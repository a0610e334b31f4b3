package flow_test

import (
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// TestRedaction reads the words, and tells them again in one order.
func TestRedaction(t *testing.T) {
	for words, want := range map[string]struct {
		r     flow.Redaction
		said  string
		known bool
	}{
		"authentication":       {flow.Redaction{Authentication: true}, "authentication", true},
		"rows, authentication": {flow.Redaction{Authentication: true, Rows: true}, "authentication,rows", true},
		"parameters,rows":      {flow.Redaction{Parameters: true, Rows: true}, "parameters,rows", true},
		"rows,names":           {flow.Redaction{Rows: true}, "rows", false},
		"":                     {flow.Redaction{}, "", false},
	} {
		r, known := flow.ParseRedaction(words)
		if r != want.r || r.String() != want.said || known != want.known {
			t.Errorf("%q is read as %+v (%q), known %v", words, r, r, known)
		}
	}
	a, b := flow.Redaction{Rows: true}, flow.Redaction{Authentication: true}
	if both := a.With(b); both != (flow.Redaction{Authentication: true, Rows: true}) || a != (flow.Redaction{Rows: true}) {
		t.Errorf("both overwrite %q", both)
	}
}
