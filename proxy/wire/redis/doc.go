// Package redis reads what Redis and its clients say to each other: RESP2, RESP3 and inline commands. The [Decoder] tells
// operations, the [Redactor] overwrites secrets in a recording, the [Splitter] gives whole messages to replay.
//
// The facts are from the protocol specification (https://redis.io/docs/latest/develop/reference/protocol-spec/), from
// RESP3.md of redis-specifications, and from the pages of the commands.
//
// All three follow the same [lexer], which reads one direction as it comes and keeps no more than the first bytes of
// a value, and all but the splitter the same [talk], which knows to which command an answer belongs.
package redis
