package replay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

// RedisConfig is how sessions with Redis are played.
type RedisConfig struct {
	To flow.Endpoint
	// User and Password log in, when there is a password.
	User, Password string
	// Ignore are the names of further rules.
	Ignore []string
}

// Redis plays sessions with Redis (https://redis.io/docs/latest/develop/reference/protocol-spec/).
type Redis struct {
	config RedisConfig
	ignore map[string]bool
}

// NewRedis makes it; the error is about a rule that there is not.
func NewRedis(c RedisConfig) (*Redis, error) {
	ignore, err := chosenRules(redisRules(), c.Ignore)
	if err != nil {
		return nil, err
	}
	return &Redis{c, ignore}, nil
}

// Rules implements Protocol.
func (*Redis) Rules() []Rule { return redisRules() }

// Recorded implements Protocol.
func (*Redis) Recorded(s *recording.Session) Conversation {
	return newRedisConversation(redacted(s), false)
}

// Dial implements Protocol.
func (r *Redis) Dial(ctx context.Context, recorded Conversation) (net.Conn, Conversation, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	conn, err := dial(ctx, r.config.To)
	if err != nil {
		return nil, nil, err
	}
	if err := r.login(ctx, conn); err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, newRedisConversation(recorded.(*redisConversation).redacted, true), nil
}

// login sends AUTH.
func (r *Redis) login(ctx context.Context, conn net.Conn) error {
	if r.config.Password == "" {
		return nil
	}
	words := []string{"AUTH", r.config.Password}
	if r.config.User != "" {
		words = []string{"AUTH", r.config.User, r.config.Password}
	}
	until, _ := ctx.Deadline()
	_ = conn.SetDeadline(until)
	if _, err := conn.Write(redisRequest(words)); err != nil {
		return fmt.Errorf("log in to Redis: %w", err)
	}
	answer, err := bufio.NewReaderSize(conn, 16).ReadString('\n') // it answers no more than a line, since nothing else was asked
	if err != nil {
		return fmt.Errorf("log in to Redis: %w", err)
	}
	if !strings.HasPrefix(answer, "+OK") {
		return fmt.Errorf("log in to Redis at %s: %s", r.config.To, strings.TrimSpace(answer))
	}
	return conn.SetDeadline(time.Time{})
}

// redisRequest writes a command.
func redisRequest(words []string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, w := range words {
		b = append(append(append(strconv.AppendInt(append(b, '$'), int64(len(w)), 10), "\r\n"...), w...), "\r\n"...)
	}
	return b
}
