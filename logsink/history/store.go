package history

import (
	"context"
	"errors"
	"fmt"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// Config is what a store needs.
type Config struct {
	Settings Settings
	// Dir is the journal's directory; SQLite's file is kept there.
	Dir string
	// KeepFree is how much of the file system stays free: the oldest records of SQLite go while there is less; 0 is no
	// such limit.
	KeepFree flow.Size
	// Host is told with each record in PostgreSQL, where many write.
	Host flow.Host
	// Warn, which may be nil, is told what a person should know: a file that was set aside, a URL that others can read.
	// It is called by who calls Open or Deliver, and must not block.
	Warn func(error)
}

func (c *Config) warn(err error) {
	if c.Warn != nil {
		c.Warn(err)
	}
}

// Store is a journal.Resumer that keeps what it is given, and can be read at the same time.
type Store struct {
	Reader
	store writer
}

// writer is a database that is written.
type writer interface {
	database
	// deliver stores entries and, with them, where they end. It says how many are in.
	deliver(ctx context.Context, entries []journal.Entry) (int, error)
}

// Open opens the store that the settings name. It starts no goroutine of its own; database/sql's ends with Close.
//
// A SQLite file that cannot be used is set aside, and a new one is begun: the feed then delivers what the journal has.
// Open fails when another process writes it, and when the directory cannot be written. PostgreSQL is not asked before
// the first Resume.
func Open(ctx context.Context, c Config) (*Store, error) {
	c.Settings = c.Settings.withDefaults()
	var w writer
	var err error
	switch c.Settings.Store {
	case StoreSQLite:
		w, err = openSQLite(ctx, c)
	case StorePostgres:
		w, err = openPostgres(c)
	default:
		err = fmt.Errorf("the store is %q: expected %s or %s", c.Settings.Store, StoreSQLite, StorePostgres)
	}
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	return &Store{Reader: Reader{db: w}, store: w}, nil
}

// Name is "history".
func (s *Store) Name() string { return "history" }

// Wants is true of all records.
func (s *Store) Wants(flow.Event) bool { return true }

// Deliver stores entries in one transaction, all or none. Those that it has already are passed.
func (s *Store) Deliver(ctx context.Context, entries []journal.Entry) (int, error) {
	if len(entries) == 0 {
		return 0, nil
	}
	n, err := s.store.deliver(ctx, entries)
	if err != nil {
		return n, fmt.Errorf("history: %w", err)
	}
	return n, nil
}

// Resume is the last record of a journal that the store was given, the zero identity when there is none.
func (s *Store) Resume(ctx context.Context, journalID string) (flow.Identity, error) {
	return s.Position(ctx, journalID)
}

var errClosed = errors.New("the store is closed")
