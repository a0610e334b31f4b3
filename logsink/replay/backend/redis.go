package backend

import (
	"strconv"
	"strings"
)

// redisProtocol is Redis's. A question is a command, in a database and a version of the protocol; EXEC's is all that was
// queued.
type redisProtocol struct{ recording string }

// redisState is what of a connection belongs to its questions.
type redisState struct {
	version  string // of the protocol: empty is 2
	database string // empty is 0
	queueing bool
	queue    []string
}

// redisCommand is a command as it is looked up.
type redisCommand struct {
	name  string // in upper case
	words []string
	auth  bool // it names a user or a password
}

// newRedisCommand reads a command. Passwords are no part of it: a recording has not got them.
func newRedisCommand(words []string) redisCommand {
	c := redisCommand{name: strings.ToUpper(words[0]), words: words}
	switch c.name {
	case "AUTH":
		c.auth = true
	case "HELLO":
		for i := 2; i+2 < len(words); i++ {
			if strings.EqualFold(words[i], "AUTH") {
				c.auth, c.words = true, append(append([]string{}, words[:i]...), words[i+3:]...)
				break
			}
		}
	}
	return c
}

// key is what a command asks in this state.
func (s *redisState) key(c *redisCommand) key {
	parts := [][]byte{[]byte(s.version), []byte(s.database), []byte(c.name)}
	for _, w := range c.words[1:] {
		parts = append(parts, []byte(w))
	}
	switch {
	case !s.queueing:
		return keyOf('r', parts...)
	case c.name != "EXEC":
		return keyOf('q', parts...)
	}
	for _, w := range s.queue {
		parts = append(parts, []byte(w))
	}
	return keyOf('x', parts...)
}

// done takes what a command changed; failed says that its answer is an error.
func (s *redisState) done(c *redisCommand, failed bool) {
	switch {
	case c.name == "EXEC" || c.name == "DISCARD":
		s.leave(c.name == "EXEC" && !failed)
	case s.queueing && c.name != "RESET":
		if !failed {
			s.queue = append(append(s.queue, strconv.Itoa(len(c.words))), c.words...)
		}
	case failed:
	case c.name == "MULTI":
		s.queueing = true
	case c.name == "RESET":
		*s = redisState{}
	default:
		s.change(c.words)
	}
}

// change takes what a command chose for those behind it.
func (s *redisState) change(words []string) {
	if len(words) < 2 {
		return
	}
	switch strings.ToUpper(words[0]) {
	case "SELECT":
		s.database = strings.TrimLeft(words[1], "0")
	case "HELLO":
		s.version = words[1]
		if s.version == "2" {
			s.version = ""
		}
	}
}

// leave ends a transaction, in which a database may have been chosen.
func (s *redisState) leave(executed bool) {
	queue := s.queue
	s.queueing, s.queue = false, nil
	for executed && len(queue) > 0 {
		n, err := strconv.Atoi(queue[0])
		if err != nil || n+1 > len(queue) {
			return
		}
		s.change(queue[1 : n+1])
		queue = queue[n+1:]
	}
}
