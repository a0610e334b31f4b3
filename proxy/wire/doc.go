// Package wire reads what clients ask of backends and what comes of it, off the bytes of tapped sessions: [Decoders] tells
// operations, [Redactors] overwrites in a recording what must not be kept. It recognises the protocol, or is told it; the
// packages below it know one protocol each.
//
// It is no part of a session: whatever the bytes are, and whatever a decoder makes of them, the session goes on. A decoder
// that does not understand is switched off for the rest of its session, and that is said once.
package wire
