package backend

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/redis"
)

// redisClient is a client that is answered.
type redisClient struct {
	*client
	protocol *redisProtocol
	splitter *redis.Splitter
	state    redisState
}

func (p *redisProtocol) serve(c *client) error {
	s := &redisClient{client: c, protocol: p}
	s.splitter = redis.NewSplitter(messageMax, s.message)
	return c.pump(func(b []byte) error {
		err := s.splitter.Data(flow.FromClient, b)
		if err != nil && !errors.Is(err, errDone) {
			fmt.Fprintf(s.out, "-ERR Protocol error: %s\r\n", oneLine(err.Error()))
		}
		return err
	})
}

// message answers a command. The splitter is told the answer, too: it knows then which commands want none.
func (s *redisClient) message(d flow.Direction, m redis.Message) error {
	if d == flow.FromBackend {
		return nil
	}
	command := newRedisCommand(m.Command)
	if m.Silent {
		s.next(s.state.key(&command))
		s.state.done(&command, false)
		return nil
	}
	answer := s.answer(&command)
	if _, err := s.out.Write(answer); err != nil {
		return fmt.Errorf("answer a client: %w", err)
	}
	s.state.done(&command, answer[0] == '-' || answer[0] == '!')
	if command.name == "QUIT" {
		return errDone
	}
	return s.splitter.Data(flow.FromBackend, answer)
}

func (s *redisClient) answer(c *redisCommand) []byte {
	if c.name != "AUTH" {
		if t := s.next(s.state.key(c)); t != nil && len(t.answer) > 0 && (!c.auth || t.answer[0] != '-') {
			return t.answer
		}
	}
	if answer := s.common(c); answer != "" {
		return []byte(answer)
	}
	text := strings.Join(c.words, " ")
	s.missing(text)
	return fmt.Appendf(nil, "-LODOOR this command is not in the recording %s: %s\r\n", oneLine(s.protocol.recording), oneLine(cut(text)))
}

// common answers what every server answers alike, and what clients ask before their own questions; empty when it is
// nothing of that kind.
func (s *redisClient) common(c *redisCommand) string {
	const ok = "+OK\r\n"
	switch {
	case c.name == "DISCARD" || c.name == "AUTH" || c.name == "MULTI" || c.name == "QUIT":
		return ok
	case c.name == "EXEC" && s.state.queueing && len(s.state.queue) == 0:
		return "*0\r\n"
	case s.state.queueing && c.name != "EXEC":
		return "+QUEUED\r\n"
	case c.name == "PING" && len(c.words) == 2, c.name == "ECHO" && len(c.words) == 2:
		return bulk(c.words[1])
	case c.name == "PING":
		return "+PONG\r\n"
	case c.name == "RESET":
		return "+RESET\r\n"
	case c.name == "SELECT" && len(c.words) == 2:
		return ok
	case c.name == "HELLO":
		return hello(c.words)
	case c.name == "CLIENT" && len(c.words) > 1:
		return clientAnswer(strings.ToUpper(c.words[1]))
	case c.name == "COMMAND":
		return "*0\r\n"
	}
	return ""
}

func clientAnswer(sub string) string {
	switch sub {
	case "SETNAME", "SETINFO", "NO-EVICT", "NO-TOUCH", "TRACKING", "REPLY", "CACHING":
		return "+OK\r\n"
	case "ID":
		return ":1\r\n"
	case "GETNAME":
		return "$0\r\n\r\n"
	}
	return ""
}

// hello answers HELLO as a server of its own does (https://redis.io/docs/latest/commands/hello/).
func hello(words []string) string {
	version, head := "2", "*14\r\n"
	if len(words) > 1 {
		version = words[1]
	}
	switch version {
	case "2":
	case "3":
		head = "%7\r\n"
	default:
		return "-NOPROTO unsupported protocol version\r\n"
	}
	var b strings.Builder
	b.WriteString(head)
	for _, pair := range [][2]string{
		{"server", bulk("redis")}, {"version", bulk("7.0.0")}, {"proto", ":" + version + "\r\n"}, {"id", ":1\r\n"},
		{"mode", bulk("standalone")}, {"role", bulk("master")}, {"modules", "*0\r\n"},
	} {
		b.WriteString(bulk(pair[0]) + pair[1])
	}
	return b.String()
}

func bulk(text string) string { return "$" + strconv.Itoa(len(text)) + "\r\n" + text + "\r\n" }

// oneLine is a text that fits into an error of Redis.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, text)
}
