package proxyproto

import (
	"bytes"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Unasked makes the gate of a front of the service at which no header is asked for. Somebody who sends one has the wrong
// front; the backend, which never sees the header of the others, would take it for what its client says. What is no header
// goes on to next; nil lets everything through.
//
// It decides on the first bytes, and holds them only while they are the beginning of a header: of real clients the first
// packet decides.
func (r *Reader) Unasked(next flow.Gate) flow.Gate { return &unasked{next: next} }

type unasked struct {
	next flow.Gate
	over bool // there is no header
}

// Inspect implements [flow.Gate].
func (u *unasked) Inspect(held []byte, eof bool) flow.GateAnswer {
	switch {
	case u.over:
	case bytes.HasPrefix(held, []byte(signatureV1)), bytes.HasPrefix(held, []byte(signatureV2)):
		return flow.GateAnswer{Refuse: &flow.Verdict{Action: flow.Deny, Rule: ruleHeader, Cause: flow.CauseHeader,
			Reason: "a PROXY header came in at a front that takes none; the proxy's is another one (proxy_protocol.listen)"}}
	case !eof && mayBecomeHeader(held):
		return flow.GateAnswer{}
	}
	u.over = true
	if u.next == nil {
		return flow.GateAnswer{Done: true}
	}
	return u.next.Inspect(held, eof)
}

// mayBecomeHeader says whether a header may begin with b. Version 2 begins with empty lines: after those alone a person,
// or a protocol of lines, may wait for the answer, and no proxy stops there.
func mayBecomeHeader(b []byte) bool {
	if string(b) == "\r\n" || string(b) == "\r\n\r\n" {
		return false
	}
	return begins(b, signatureV1) || begins(b, signatureV2)
}
