// Package postgres reads PostgreSQL's protocol, versions 3.0 and 3.2, as it passes ("Frontend/Backend Protocol" in
// PostgreSQL's documentation): Decoder tells what was asked and what came of it, Redactor overwrites what is secret in a
// copy of the stream, Splitter cuts a stream into whole messages. All of them read forward, keep nothing of what is
// bulky, and give the same whatever the pieces that the stream comes in.
//
// A stream that turns to TLS or to GSSAPI's encryption is left alone from there on.
package postgres
