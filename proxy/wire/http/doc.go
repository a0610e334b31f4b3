// Package http reads what HTTP/1.0 and HTTP/1.1 clients and servers say to each other. The [Decoder] tells operations,
// the [Redactor] overwrites secrets in a recording, the [Splitter] gives whole messages to replay.
//
// The facts are from RFC 9110 and RFC 9112. All three follow the same [parser], which reads one direction as it comes and
// keeps of it only what says how to go on.
package http
