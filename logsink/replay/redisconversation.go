package replay

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/redis"
)

// redisMessageMax is the longest message that is played.
const redisMessageMax = 64 << 20

// redisConversation follows a session with Redis. Each command that is answered is a question.
type redisConversation struct {
	cut      *redis.Splitter
	redacted flow.Redaction
	redactor *redis.Redactor // of a played session: what it says is made alike
	played   bool
	ready    bool
	stopped  bool
	pending  []*redisQuestion
	// queue are the commands since MULTI, whose answers are EXEC's.
	queue    []redisCommand
	queueing bool

	at time.Time
	to Listener
}

// redisQuestion is a command that has not been answered.
type redisQuestion struct {
	x       *Exchange
	command redisCommand
	omitted bool
	parts   []redis.Message // of an answer in several messages, those that came
}

// redisCommand is what is known of a command.
type redisCommand struct {
	name string // in upper case, with what it does where that is its first argument: CONFIG GET
	made bool   // the server is to make an id: XADD with *
}

func newRedisConversation(r flow.Redaction, played bool) *redisConversation {
	c := &redisConversation{redacted: r, played: played}
	c.cut = redis.NewSplitter(redisMessageMax, c.message)
	if played && r != (flow.Redaction{}) {
		c.redactor = redis.NewRedactor(r)
	}
	return c
}

// Feed implements Conversation.
func (c *redisConversation) Feed(d flow.Direction, at time.Time, b []byte, to Listener) error {
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

// End implements Conversation.
func (c *redisConversation) End(at time.Time, to Listener) { c.at, c.to = at, to }

func (c *redisConversation) stop(why string) {
	c.stopped = true
	c.to.Unplayable(why, false)
}

func (c *redisConversation) message(d flow.Direction, m redis.Message) error {
	switch {
	case c.stopped:
	case d == flow.FromClient:
		c.begin()
		c.ask(&m)
	case m.Unasked: // published messages, invalidations: no answers
	default:
		c.hear(&m)
	}
	return nil
}

// begin is told with the first command.
func (c *redisConversation) begin() {
	if c.ready || c.played {
		return
	}
	c.ready = true
	c.to.Ready()
	if c.redacted.Parameters {
		c.stop("what its commands are about was overwritten when it was recorded (redact: parameters)")
	}
}

func (c *redisConversation) ask(m *redis.Message) {
	if c.stopped {
		return
	}
	command := newRedisCommand(m.Command)
	switch command.name {
	case "SYNC", "PSYNC":
		c.stop("it is a replica's connection")
		return
	case "MONITOR":
		c.stop("it listens to the commands of others (MONITOR), which are not answers")
		return
	}
	x := &Exchange{Name: redisName(command.name, len(m.Command)), Asked: c.at}
	x.Fingerprint = fingerprint(command.name)
	why := redisUnsent(command.name, m.Command)
	switch {
	case why != "":
		c.to.Omitted(x, why)
	case m.Silent:
		c.to.Send(m.Raw)
	default:
		c.to.Send(c.request(m))
		c.to.Asked(x)
	}
	if !m.Silent {
		c.pending = append(c.pending, &redisQuestion{x: x, command: command, omitted: why != ""})
	}
}

// request is what is sent of a command: HELLO without its password.
func (c *redisConversation) request(m *redis.Message) []byte {
	words := m.Command
	if !strings.EqualFold(words[0], "HELLO") {
		return m.Raw
	}
	for i := 2; i+2 < len(words); i++ {
		if strings.EqualFold(words[i], "AUTH") {
			return redisRequest(append(append([]string{}, words[:i]...), words[i+3:]...))
		}
	}
	return m.Raw
}

// hear takes an answer, or one of several messages that are one.
func (c *redisConversation) hear(m *redis.Message) {
	if len(c.pending) == 0 {
		return
	}
	q := c.pending[0]
	if q.parts = append(q.parts, *m); !m.Last {
		return
	}
	c.pending[0] = nil
	c.pending = c.pending[1:]
	answer := newRedisAnswer(q.command, q.parts)
	c.follow(q.command, answer)
	if q.omitted {
		return
	}
	q.x.Answer, q.x.Answered, q.x.Size = answer, c.at, answer.size()
	c.to.Answered(q.x)
}

// follow keeps the commands of a transaction.
func (c *redisConversation) follow(command redisCommand, a *redisAnswer) {
	switch {
	case command.name == "MULTI" && !a.failed():
		c.queueing, c.queue = true, nil
	case command.name == "EXEC":
		a.queue = c.queue
		c.queueing, c.queue = false, nil
	case command.name == "DISCARD", command.name == "RESET":
		c.queueing, c.queue = false, nil
	case c.queueing && !a.failed():
		a.queued = true
		c.queue = append(c.queue, command)
	}
}
