package history

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lodoor/lodoor/logsink/journal"
)

const (
	// answerWithin is how long the database may take for a delivery or a page: a peer that is gone without a word would
	// otherwise hold a feed for ever.
	answerWithin = 30 * time.Second
	// schemaLock is the advisory lock of those who make the tables, "lodoor" in ASCII.
	schemaLock = 0x6c6f646f6f72
)

// postgresTables are made on first use. The order of reading is that of time and at: people ask by time, which has
// microseconds; at has the nanoseconds.
const postgresTables = `
CREATE TABLE lodoor_schema (version integer NOT NULL);
INSERT INTO lodoor_schema VALUES (1);
CREATE TABLE lodoor_journals (journal text PRIMARY KEY, epoch text NOT NULL, seq bigint NOT NULL,
	host_name text NOT NULL, host_id text NOT NULL, updated timestamptz NOT NULL);
CREATE TABLE lodoor_records (journal text NOT NULL, epoch text NOT NULL, seq bigint NOT NULL,
	time timestamptz NOT NULL, at bigint NOT NULL, host_name text NOT NULL, host_id text NOT NULL,
	event text NOT NULL, service text NOT NULL, session text, verdict text NOT NULL,
	zones text[] NOT NULL, programs text[] NOT NULL, users text[] NOT NULL, line text NOT NULL,
	PRIMARY KEY (journal, epoch, seq));
CREATE INDEX lodoor_records_time ON lodoor_records (time, at);
CREATE INDEX lodoor_records_session ON lodoor_records (session) WHERE session IS NOT NULL;`

// postgresDB is a table that many machines write into. It connects when it is used, and again when a connection broke.
type postgresDB struct {
	config  Config
	connect *pgx.ConnConfig

	mu      sync.Mutex // of the connection: it does one thing at a time
	conn    *pgx.Conn
	closed  bool
	trimmed time.Time
}

func openPostgres(c Config) (*postgresDB, error) {
	text, warning, err := c.Settings.url()
	if err != nil {
		return nil, err
	}
	if warning != "" {
		c.warn(fmt.Errorf("history: %s", warning))
	}
	connect, err := parseURL(text)
	if err != nil {
		return nil, err
	}
	return &postgresDB{config: c, connect: connect}, nil
}

// with gives do the connection, within a time. A connection that failed is not used again.
func (p *postgresDB) with(ctx context.Context, do func(context.Context, *pgx.Conn) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed
	}
	ctx, stop := context.WithTimeout(ctx, answerWithin)
	defer stop()
	if p.conn == nil {
		if err := p.dial(ctx); err != nil {
			return err
		}
	}
	err := do(ctx, p.conn)
	if p.conn.IsClosed() {
		p.conn = nil
	}
	return err
}

func (p *postgresDB) dial(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, p.connect)
	if err != nil {
		return err
	}
	if err := tables(ctx, conn); err != nil {
		return errors.Join(err, conn.Close(ctx))
	}
	p.conn = conn
	return nil
}

// tables makes the tables when they are missing. Those that are there may be another user's, who made them for us.
func tables(ctx context.Context, conn *pgx.Conn) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		there, err := exists(ctx, tx)
		if err != nil || there {
			return err
		}
		// CREATE TABLE IF NOT EXISTS fails when two do it at once.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(schemaLock)); err != nil {
			return err
		}
		if there, err = exists(ctx, tx); err != nil || there {
			return err
		}
		_, err = tx.Conn().PgConn().Exec(ctx, postgresTables).ReadAll()
		return err
	})
	if err != nil {
		return fmt.Errorf("make the tables lodoor_records, lodoor_journals and lodoor_schema: %w", err)
	}
	var version int
	if err := conn.QueryRow(ctx, "SELECT version FROM lodoor_schema").Scan(&version); err != nil {
		return fmt.Errorf("read the version of the tables: %w", err)
	}
	if version != schemaVersion {
		return fmt.Errorf("the tables have version %d: expected %d; a URL with another search_path makes tables apart",
			version, schemaVersion)
	}
	return nil
}

// exists looks into the catalog itself: to_regclass answers from a cache that may be older than the lock.
func exists(ctx context.Context, tx pgx.Tx) (there bool, err error) {
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_class
		WHERE relname = 'lodoor_schema' AND pg_catalog.pg_table_is_visible(oid))`).Scan(&there)
	return there, err
}

func (p *postgresDB) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.conn == nil {
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	return p.conn.Close(ctx)
}

func (p *postgresDB) deliver(ctx context.Context, entries []journal.Entry) (int, error) {
	err := p.with(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if err := p.store(ctx, conn, entries); err != nil {
			return err
		}
		return p.trim(ctx, conn, entries[len(entries)-1].Identity.Journal)
	})
	if err != nil {
		return 0, err
	}
	return len(entries), nil
}
