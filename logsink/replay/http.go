package replay

import (
	"context"
	"net"
	"strings"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

// HTTPConfig is how sessions with an HTTP/1.1 service are played.
type HTTPConfig struct {
	To flow.Endpoint
	// Header are fields that are sent in place of the recorded ones of these names, and where a request had none. The value
	// is as it stands on the wire.
	Header []HTTPField
	// Ignore are the names of further rules.
	Ignore []string
}

// HTTPField is a line of a head.
type HTTPField struct{ Name, Value string }

// HTTP plays requests (RFC 9112).
type HTTP struct {
	config HTTPConfig
	ignore map[string]bool
}

// NewHTTP makes it; the error is about a rule that there is not.
func NewHTTP(c HTTPConfig) (*HTTP, error) {
	ignore, err := chosenRules(httpRules(), c.Ignore)
	if err != nil {
		return nil, err
	}
	return &HTTP{c, ignore}, nil
}

// The rules by which two answers over HTTP may differ.
const (
	ruleHeaders = "headers"
	ruleFraming = "framing"
	ruleBody    = "body"
)

func httpRules() []Rule {
	return []Rule{
		{ruleHeaders, "fields that differ from answer to answer: Date, Age, Expires, Last-Modified, ETag, Set-Cookie, Server, Via, ids of requests and times", true},
		{ruleFraming, "how a body is sent: Content-Length, Transfer-Encoding, Connection, Keep-Alive", true},
		{ruleBody, "bodies", false},
	}
}

// Rules implements Protocol.
func (*HTTP) Rules() []Rule { return httpRules() }

// Recorded implements Protocol.
func (h *HTTP) Recorded(s *recording.Session) Conversation {
	return newHTTPConversation(redacted(s), h.config.Header, false)
}

// Dial implements Protocol.
func (h *HTTP) Dial(ctx context.Context, recorded Conversation) (net.Conn, Conversation, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	conn, err := dial(ctx, h.config.To)
	if err != nil {
		return nil, nil, err
	}
	return conn, newHTTPConversation(recorded.(*httpConversation).redacted, nil, true), nil
}

// httpFieldRule is the rule by which a field may differ; empty when it is compared. name is in lower case.
func httpFieldRule(name string) string {
	switch name {
	case "date", "age", "expires", "last-modified", "etag", "set-cookie", "server", "via", "x-request-id", "x-correlation-id",
		"x-trace-id", "x-amzn-trace-id", "request-id", "traceresponse", "x-runtime", "x-response-time", "server-timing", "x-served-by", "x-timer":
		return ruleHeaders
	case "content-length", "transfer-encoding", "connection", "keep-alive", "trailer":
		return ruleFraming
	}
	if strings.HasPrefix(name, "cf-") || strings.HasPrefix(name, "x-ratelimit-") {
		return ruleHeaders
	}
	return ""
}
