package backend

import (
	"bytes"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/redis"
)

// redisCutter reads a recorded session of Redis.
type redisCutter struct {
	script   *script
	splitter *redis.Splitter
	state    redisState
	waiting  []redisCommand
	answer   []byte // of the first that waits, so far
}

func (p *redisProtocol) cut(s *script) cutter {
	c := &redisCutter{script: s}
	c.splitter = redis.NewSplitter(messageMax, c.message)
	return c
}

func (c *redisCutter) feed(d flow.Direction, b []byte) error { return c.splitter.Data(d, b) }
func (c *redisCutter) end() error                            { return nil }

func (c *redisCutter) message(d flow.Direction, m redis.Message) error {
	switch {
	case d == flow.FromClient && m.Silent: // CLIENT REPLY and what it silences; what it changes holds all the same
		command := newRedisCommand(m.Command)
		c.state.done(&command, false)
	case d == flow.FromClient:
		c.waiting = append(c.waiting, newRedisCommand(m.Command))
	case m.Unasked:
		c.unasked(m.Raw)
	default:
		c.answer = append(c.answer, m.Raw...)
		if len(c.answer) > answerMax {
			return errLong
		}
		if m.Last && len(c.waiting) > 0 {
			c.answered(m.Value.Kind == '-' || m.Value.Kind == '!')
		}
	}
	return nil
}

// unasked keeps a published message behind the answer that came before it.
func (c *redisCutter) unasked(raw []byte) {
	if n := len(c.script.takes); len(c.answer) > 0 {
		c.answer = append(c.answer, raw...)
	} else if n > 0 {
		t := &c.script.takes[n-1]
		t.answer = append(t.answer, raw...)
	}
}

func (c *redisCutter) answered(failed bool) {
	command := c.waiting[0]
	c.waiting = c.waiting[1:]
	if command.name != "AUTH" {
		c.script.add(take{key: c.state.key(&command), answer: bytes.Clone(c.answer)})
	}
	c.answer = c.answer[:0]
	c.state.done(&command, failed)
}
