// Package probe finds out what a client experiences at an address of this host, and whose fault it is.
//
// [Look] collects [Facts]: what kind of port it is, who listens, what attempts to connect come to. [Judge] and
// [JudgeDoor] make a [Verdict] of them, and look at nothing else.
package probe
