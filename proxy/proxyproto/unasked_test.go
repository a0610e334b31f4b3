package proxyproto

import (
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// taught is a gate that remembers what it was given, and lets one byte pass.
type taught struct{ held []string }

func (g *taught) Inspect(held []byte, _ bool) flow.GateAnswer {
	g.held = append(g.held, string(held))
	return flow.GateAnswer{Pass: 1}
}

// Headers are refused however they are cut, and nothing else is held for longer than it is the beginning of one.
func TestUnasked(t *testing.T) {
	headers := []string{
		"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n", "PROXY UNKNOWN\r\n", "PROXY what", v2(0x20, 0), signatureV2,
	}
	for _, h := range headers {
		for cut := range len(h) {
			if h[:cut] == "\r\n" || h[:cut] == "\r\n\r\n" {
				continue // where a person may wait
			}
			g := anyReader(t).Unasked(&taught{})
			if cut > 0 {
				a := g.Inspect([]byte(h[:cut]), false)
				if a.Refuse != nil {
					continue
				}
				if a.Done || a.Pass > 0 {
					t.Fatalf("%q of %q passes: %+v", h[:cut], h, a)
				}
			}
			v := g.Inspect([]byte(h), false).Refuse
			if v == nil || v.Action != flow.Deny || v.Rule != ruleHeader || v.Cause != flow.CauseHeader {
				t.Fatalf("%q, cut at %d: %+v", h, cut, v)
			}
		}
	}
	for _, said := range []string{
		"x", "PING\r\n", "PROXYING", "GET / HTTP/1.1\r\n", "\r\n", "\r\n\r\n", "\r\n\r\nGET /", "proxy tcp4 ", "\x00\r\nQUIT\n",
	} {
		if a := anyReader(t).Unasked(nil).Inspect([]byte(said), false); !a.Done {
			t.Errorf("%q is held: %+v", said, a)
		}
		next := &taught{}
		g := anyReader(t).Unasked(next)
		if a := g.Inspect([]byte(said), false); a.Pass != 1 || a.Done {
			t.Errorf("%q does not go on: %+v", said, a)
		}
		if a := g.Inspect([]byte("PROXY TCP4 "), false); a.Refuse != nil || len(next.held) != 2 {
			t.Errorf("later bytes were taken for a header: %+v, %q", a, next.held)
		}
	}
	for _, said := range []string{"", "P", "PROXY", "\r\n\r\n\x00"} {
		if a := anyReader(t).Unasked(nil).Inspect([]byte(said), true); !a.Done {
			t.Errorf("%q and the end is held: %+v", said, a)
		}
	}
}
