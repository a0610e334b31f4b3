package replay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

// dialWithin is how long a backend may take to let a session in.
const dialWithin = 30 * time.Second

// PostgresConfig is how sessions with PostgreSQL are played.
type PostgresConfig struct {
	To flow.Endpoint
	// User and Database are logged in to instead of the recorded ones; empty are those. Password is for all of them.
	User, Database, Password string
	// Ignore are the names of further rules.
	Ignore []string
}

// Postgres plays sessions with PostgreSQL, protocol 3
// (https://www.postgresql.org/docs/current/protocol.html).
type Postgres struct {
	config PostgresConfig
	ignore map[string]bool
	times  *pgTimes
}

// NewPostgres makes it; the error is about a rule that there is not.
func NewPostgres(c PostgresConfig) (*Postgres, error) {
	ignore, err := chosenRules(postgresRules(), c.Ignore)
	if err != nil {
		return nil, err
	}
	return &Postgres{c, ignore, &pgTimes{}}, nil
}

// chosenRules are the rules that hold always and those that were asked for.
func chosenRules(all []Rule, names []string) (map[string]bool, error) {
	known, holds := map[string]bool{}, map[string]bool{}
	var list []string
	for _, r := range all {
		known[r.Name], holds[r.Name] = true, r.Always
		if !r.Always {
			list = append(list, r.Name)
		}
	}
	for _, n := range names {
		if !known[n] {
			return nil, fmt.Errorf("unknown rule %q: expected one of %s", n, strings.Join(list, ", "))
		}
		holds[n] = true
	}
	return holds, nil
}

// Rules implements Protocol.
func (*Postgres) Rules() []Rule { return postgresRules() }

// Recorded implements Protocol.
func (p *Postgres) Recorded(s *recording.Session) Conversation {
	if p.times.recorded.IsZero() {
		p.times.recorded = s.Opened
	}
	return newPgRecorded(redacted(s))
}

// redacted says what was overwritten in a session when it was recorded, or exported.
func redacted(s *recording.Session) flow.Redaction {
	r, _ := flow.ParseRedaction(s.Redacted) // what a later lodoor overwrites, too, this one cannot know
	return r
}

// Dial implements Protocol.
func (p *Postgres) Dial(ctx context.Context, recorded Conversation) (net.Conn, Conversation, error) {
	told := recorded.(*pgConversation)
	if p.times.played.IsZero() {
		p.times.played = time.Now()
	}
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	c, err := p.login(told.startup)
	if err != nil {
		return nil, nil, err
	}
	conn, err := pgconn.ConnectConfig(ctx, c)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to PostgreSQL at %s as %s, database %s: %w", p.config.To, c.User, c.Database, pgReason(err))
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take over the connection: %w", err)
	}
	_ = hijacked.Conn.SetDeadline(time.Time{})
	talk, err := newPgPlayed(told.redacted)
	if err != nil {
		return nil, nil, errors.Join(err, hijacked.Conn.Close())
	}
	return hijacked.Conn, talk, nil
}

// pgReason is what a server said, or else the error.
func pgReason(err error) error {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return fmt.Errorf("%s (SQLSTATE %s)", said.Message, said.Code)
	}
	return err
}

// login is how a session logs in that did so with these parameters. Nothing of it comes from the environment.
func (p *Postgres) login(startup map[string]string) (*pgconn.Config, error) {
	c, err := pgconn.ParseConfig("host=127.0.0.1 port=5432 user=nobody dbname=nothing sslmode=disable passfile=/dev/null")
	if err != nil {
		return nil, fmt.Errorf("prepare the login: %w", err)
	}
	c.RuntimeParams = map[string]string{}
	for name, value := range startup {
		if name != "user" && name != "database" && !strings.HasPrefix(name, "_pq_.") {
			c.RuntimeParams[name] = value
		}
	}
	c.User, c.Database, c.Password = startup["user"], startup["database"], p.config.Password
	if p.config.User != "" {
		c.User = p.config.User
	}
	if c.Database == "" {
		c.Database = startup["user"]
	}
	if p.config.Database != "" {
		c.Database = p.config.Database
	}
	c.Fallbacks, c.ValidateConnect, c.AfterConnect, c.KerberosSrvName = nil, nil, nil, ""
	c.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, p.config.To) }
	c.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	return c, nil
}

// dial connects to a backend.
func dial(ctx context.Context, to flow.Endpoint) (net.Conn, error) {
	network, address := "tcp", net.JoinHostPort(to.Host, fmt.Sprint(to.Port))
	switch {
	case to.IsUnix():
		network, address = "unix", to.Path
	case to.Host == "":
		address = net.JoinHostPort("localhost", fmt.Sprint(to.Port))
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", to, err)
	}
	return conn, nil
}
