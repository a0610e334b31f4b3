package replay

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/http"
)

// httpMessageMax is the longest message that is played.
const httpMessageMax = 64 << 20

// httpConversation follows a session of HTTP/1. Each request is a question.
type httpConversation struct {
	cut      *http.Splitter
	redacted flow.Redaction
	redactor *http.Redactor // of a played session: what it says is made alike
	header   []HTTPField
	played   bool
	ready    bool
	stopped  bool
	pending  []httpQuestion

	at time.Time
	to Listener
}

// httpQuestion is a request that has not been answered.
type httpQuestion struct {
	x       *Exchange
	omitted bool
}

func newHTTPConversation(r flow.Redaction, header []HTTPField, played bool) *httpConversation {
	c := &httpConversation{redacted: r, header: header, played: played}
	c.cut = http.NewSplitter(httpMessageMax, c.message)
	if played && r != (flow.Redaction{}) {
		c.redactor = http.NewRedactor(r)
	}
	return c
}

// Feed implements Conversation.
func (c *httpConversation) Feed(d flow.Direction, at time.Time, b []byte, to Listener) error {
	if c.stopped {
		return nil
	}
	c.at, c.to = at, to
	if c.redactor != nil {
		b = bytes.Clone(b)
		if !c.redactor.Redact(d, b) {
			return errors.New("what comes cannot be made like the recording, in which secrets were overwritten")
		}
	}
	return c.cut.Data(d, b)
}

// End implements Conversation. An answer without a length is whole by it.
func (c *httpConversation) End(at time.Time, to Listener) {
	c.at, c.to = at, to
	if !c.stopped {
		_ = c.cut.End(flow.FromBackend) // what is not whole is no answer, and its question stays unanswered
	}
}

func (c *httpConversation) stop(why string) {
	c.stopped = true
	c.to.Unplayable(why, false)
}

func (c *httpConversation) message(d flow.Direction, m http.Message) error {
	switch {
	case c.stopped:
	case d == flow.FromClient:
		c.begin()
		c.ask(&m)
	case m.Upgrade:
		c.stop("another protocol is spoken behind an answer (" + fmt.Sprint(m.Status) + "): it cannot be played")
	case m.Interim: // 100 Continue, 103 Early Hints: the answer is what follows
	default:
		c.hear(&m)
	}
	return nil
}

// begin is told with the first request.
func (c *httpConversation) begin() {
	if c.ready || c.played {
		return
	}
	c.ready = true
	c.to.Ready()
	if c.redacted.Parameters {
		c.stop("the bodies of its requests were overwritten when it was recorded (redact: parameters)")
	}
}

func (c *httpConversation) ask(m *http.Message) {
	if c.stopped {
		return
	}
	path, _, _ := strings.Cut(m.Target, "?")
	x := &Exchange{Name: cutText(m.Method+" "+path, 300), Asked: c.at}
	x.Fingerprint = fingerprint(m.Method + " " + httpPattern(path))
	q := httpQuestion{x: x}
	if name := c.lacks(m); name != "" {
		q.omitted = true
		c.to.Omitted(x, "its "+name+" is not in the recording: --header '"+name+": …' gives another")
	} else {
		c.to.Send(c.request(m))
		c.to.Asked(x)
	}
	c.pending = append(c.pending, q)
}

// httpPattern is a path with a number sign for what is a number, so that /users/17 and /users/18 are one operation.
func httpPattern(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if p != "" && strings.Trim(p, "0123456789") == "" {
			parts[i] = "#"
		}
	}
	return strings.Join(parts, "/")
}

// lacks is the field of a request that was overwritten when it was recorded, and was not given; empty when it has all.
func (c *httpConversation) lacks(m *http.Message) string {
	if c.played {
		return ""
	}
	for _, f := range m.Fields {
		switch f.Name {
		case "authorization", "cookie", "proxy-authorization":
			if (c.redacted.Authentication || overwritten(f.Value)) && !c.gives(f.Name) {
				return httpCanonical(f.Name)
			}
		}
	}
	return ""
}

// overwritten says whether a value looks as it does when a secret in it was overwritten.
func overwritten(value string) bool {
	last := value[strings.LastIndexAny(value, " =")+1:]
	return len(last) > 1 && strings.Trim(last, "x") == ""
}

func httpCanonical(name string) string {
	parts := strings.Split(name, "-")
	for i, p := range parts {
		parts[i] = strings.ToUpper(p[:1]) + p[1:]
	}
	return strings.Join(parts, "-")
}

func (c *httpConversation) gives(name string) bool {
	for _, f := range c.header {
		if strings.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}

// request is what is sent of a request: as it was recorded, with the fields that are given in place of the recorded ones.
func (c *httpConversation) request(m *http.Message) []byte {
	if len(c.header) == 0 {
		return m.Raw
	}
	head, body, found := bytes.Cut(m.Raw, []byte("\r\n\r\n"))
	if !found {
		return m.Raw
	}
	var b bytes.Buffer
	for i, line := range bytes.Split(head, []byte("\r\n")) {
		if name, _, ok := bytes.Cut(line, []byte(":")); i == 0 || !ok || !c.gives(string(name)) {
			b.Write(line)
			b.WriteString("\r\n")
		}
	}
	for _, f := range c.header {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

func (c *httpConversation) hear(m *http.Message) {
	if len(c.pending) == 0 { // an answer that nobody asked for, as 408
		return
	}
	q := c.pending[0]
	c.pending = c.pending[1:]
	if q.omitted {
		return
	}
	answer := newHTTPAnswer(m)
	q.x.Answer, q.x.Answered, q.x.Size = answer, c.at, answer.size()
	c.to.Answered(q.x)
}
