package wire

import (
	"bytes"
	"slices"

	"github.com/lodoor/lodoor/proxy/flow"
)

// The protocols that are read, as the configuration names them, and what else can be told from the first bytes.
const (
	protocolAuto     = "auto"
	protocolPostgres = "postgres"
	protocolMySQL    = "mysql"
	protocolRedis    = "redis"
	protocolHTTP     = "http"
	foundTLS         = "tls"     // a client that encrypts from its first byte
	foundNothing     = "unknown" // none of these
)

// recogniseMax is how many of a side's first bytes are looked at.
const recogniseMax = 16

// Recognise says what a client speaks, by the first bytes of what it sends: the protocol as the configuration names it,
// tls, or unknown; empty while they are too few.
func Recognise(first []byte) string {
	return recognise(flow.FromClient, first[:min(len(first), recogniseMax)])
}

// recognise says what is spoken, by the first bytes of one side; empty while they are too few. Of MySQL the server speaks
// first, of all others the client.
func recognise(d flow.Direction, first []byte) string {
	if d == flow.FromBackend {
		return recogniseServer(first)
	}
	return recogniseClient(first)
}

// recogniseServer knows MySQL's first packet: 3 bytes of length, the number 0, and 10 for the version of the handshake,
// or 255 for an error (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html).
func recogniseServer(first []byte) string {
	const head = 5
	if len(first) < head {
		return ""
	}
	if first[3] == 0 && (first[4] == 10 || first[4] == 0xff) {
		return protocolMySQL
	}
	return foundNothing
}

func recogniseClient(first []byte) string {
	if len(first) == 0 {
		return ""
	}
	switch first[0] {
	case 0:
		return recognisePostgres(first)
	case 0x16: // a TLS record with a handshake, RFC 8446, 5.1
		return recogniseTLS(first)
	case '*':
		return recogniseRESP(first)
	}
	return recogniseWord(first)
}

func recogniseTLS(first []byte) string {
	switch {
	case len(first) < 2:
		return ""
	case first[1] == 3:
		return foundTLS
	}
	return foundNothing
}

// recognisePostgres knows a startup message: its length, then the version 3.x or the code of a request
// (https://www.postgresql.org/docs/current/protocol-message-formats.html).
func recognisePostgres(first []byte) string {
	const head = 8
	if len(first) < head {
		return ""
	}
	if high, low := be16(first[4:]), be16(first[6:]); high == 3 || high == 1234 && low >= 5678 && low <= 5680 {
		return protocolPostgres
	}
	return foundNothing
}

func be16(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) }

// recogniseRESP knows a Redis client: a command is an array of strings (https://redis.io/docs/latest/develop/reference/protocol-spec/).
func recogniseRESP(first []byte) string {
	switch {
	case len(first) < 2:
		return ""
	case first[1] >= '1' && first[1] <= '9':
		return protocolRedis
	}
	return foundNothing
}

// recogniseWord tells HTTP's methods from Redis commands that somebody typed. HTTP/2 begins with a method that is none.
func recogniseWord(first []byte) string {
	end := bytes.IndexAny(first, " \r\n")
	if end < 0 {
		if len(first) >= recogniseMax || !isWord(first) {
			return foundNothing
		}
		return ""
	}
	word := string(bytes.ToUpper(first[:end]))
	switch {
	case word == "GET":
		return recogniseGet(first[end:])
	case first[end] == ' ' && slices.Contains(methods(), word):
		return protocolHTTP
	case slices.Contains(typed(), word):
		return protocolRedis
	}
	return foundNothing
}

// recogniseGet tells HTTP's GET, whose target is a path or a URL, from a Redis key.
func recogniseGet(rest []byte) string {
	switch {
	case len(rest) < 2:
		return ""
	case rest[1] == '/' || rest[1] == 'h':
		return protocolHTTP
	}
	return protocolRedis
}

func isWord(b []byte) bool {
	for _, c := range b {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return true
}

func methods() []string {
	return []string{
		"HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "PROPFIND", "REPORT", "MKCOL", "SEARCH",
	}
}

// typed are commands that people and health checks send to Redis without an array around them.
func typed() []string {
	return []string{
		"PING", "INFO", "AUTH", "HELLO", "SELECT", "QUIT", "SET", "DEL", "KEYS", "CLIENT", "CONFIG", "MONITOR", "COMMAND",
		"ACL", "MULTI", "SUBSCRIBE", "EXISTS", "INCR", "TTL", "SCAN", "DBSIZE", "ROLE", "EVAL", "HGETALL", "LRANGE",
	}
}
