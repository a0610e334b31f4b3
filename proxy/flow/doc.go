// Package flow is lodoor's vocabulary: what a peer, an origin, a verdict, an outcome and a record are.
//
// Every other package speaks in these words and none of them may be imported from here, so that the path of a
// connection (accept, proof, rules, journal, dial, lane, journal) can be read as a sequence of values.
package flow
