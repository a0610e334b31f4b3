package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	// together is how many records one statement inserts.
	together = 16
	columns  = 6
	// maxKinds bounds the memory for kinds; those that come again are looked up.
	maxKinds = 4096
)

// inserter has the statements that insert records: many, and one. OR ROLLBACK says that a failure ends the transaction;
// otherwise SQLite keeps a copy of each page for the case that only the statement fails, a quarter of all the work.
type inserter struct{ many, one *sql.Stmt }

func (i *inserter) prepare(ctx context.Context, db *sql.DB) (err error) {
	const text, values = "INSERT OR ROLLBACK INTO records (epoch, seq, time, kind, session, line) VALUES ",
		"(?, ?, ?, ?, ?, ?)"
	if i.one, err = db.PrepareContext(ctx, text+values); err != nil {
		return err
	}
	i.many, err = db.PrepareContext(ctx, text+values+strings.Repeat(", "+values, together-1))
	return err
}

func (i *inserter) close() error {
	var errs []error
	for _, s := range []*sql.Stmt{i.one, i.many} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	*i = inserter{}
	return errors.Join(errs...)
}

// run inserts rows, columns values each.
func (i *inserter) run(tx *sql.Tx, rows []any) error {
	many, one := tx.Stmt(i.many), tx.Stmt(i.one)
	for len(rows) > 0 {
		statement, n := one, columns
		if len(rows) >= together*columns {
			statement, n = many, together*columns
		}
		if _, err := statement.Exec(rows[:n]...); err != nil {
			return fmt.Errorf("insert: %w", err)
		}
		rows = rows[n:]
	}
	return nil
}

// epoch is a row of epochs: which records of an epoch are in, the last and all before it.
type epoch struct {
	id             int64
	journal, epoch string
	last           uint64
}

// deliver does not hand ctx on: each statement would start a goroutine to watch it, and a batch takes milliseconds.
func (s *sqliteDB) deliver(ctx context.Context, entries []journal.Entry) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.insert.one == nil { // a damaged file could not be replaced
		if err := s.openOrRenew(ctx); err != nil {
			return 0, err
		}
	}
	err := s.store(entries)
	if err == nil {
		err = s.trim.turn(s, len(entries))
	}
	if err == nil {
		return len(entries), nil
	}
	// What the memory has of the file may be of the transaction that was withdrawn.
	s.kinds, s.epoch = make(map[features]int64), epoch{}
	if unusable(err) {
		return 0, errors.Join(err, s.replace(ctx, err))
	}
	return 0, err
}

// store writes entries and where they end in one transaction.
func (s *sqliteDB) store(entries []journal.Entry) error {
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing after a commit
	s.pack.reset()
	rows := make([]any, 0, len(entries)*columns)
	for i := range entries {
		if rows, err = s.add(tx, rows, &entries[i]); err != nil {
			return err
		}
	}
	if err := s.insert.run(tx, rows); err != nil {
		return err
	}
	if err := s.saveEpoch(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// add appends the values of an entry to rows, unless it is in already.
func (s *sqliteDB) add(tx *sql.Tx, rows []any, e *journal.Entry) ([]any, error) {
	if err := s.enter(tx, e.Identity); err != nil {
		return rows, err
	}
	if e.Identity.Seq <= s.epoch.last {
		return rows, nil
	}
	kind, err := s.kind(tx, featuresOf(&e.Record))
	if err != nil {
		return rows, err
	}
	s.epoch.last = e.Identity.Seq
	var session any
	if !e.Record.Session.IsZero() {
		session = e.Record.Session.String()
	}
	return append(rows, s.epoch.id, int64(e.Identity.Seq), nanos(e.Record.Time), kind, session, s.pack.pack(e.Line)), nil
}

// enter makes the epoch of a record the present one.
func (s *sqliteDB) enter(tx *sql.Tx, id flow.Identity) error {
	if s.epoch.id != 0 && s.epoch.epoch == id.Epoch && s.epoch.journal == id.Journal {
		return nil
	}
	if err := s.saveEpoch(tx); err != nil {
		return err
	}
	if _, err := tx.Exec("INSERT INTO epochs (journal, epoch, last) VALUES (?, ?, 0) ON CONFLICT DO NOTHING",
		id.Journal, id.Epoch); err != nil {
		return fmt.Errorf("enter epoch %s: %w", id.Epoch, err)
	}
	next := epoch{journal: id.Journal, epoch: id.Epoch}
	var last int64
	if err := tx.QueryRow("SELECT id, last FROM epochs WHERE journal = ? AND epoch = ?", id.Journal, id.Epoch).
		Scan(&next.id, &last); err != nil {
		return fmt.Errorf("enter epoch %s: %w", id.Epoch, err)
	}
	next.last = uint64(last)
	if _, err := tx.Exec("INSERT OR REPLACE INTO positions VALUES (?, ?)", id.Journal, next.id); err != nil {
		return fmt.Errorf("enter epoch %s: %w", id.Epoch, err)
	}
	s.epoch = next
	return nil
}

// saveEpoch writes how far the present epoch is in.
func (s *sqliteDB) saveEpoch(tx *sql.Tx) error {
	if s.epoch.id == 0 {
		return nil
	}
	if _, err := tx.Exec("UPDATE epochs SET last = ? WHERE id = ?", int64(s.epoch.last), s.epoch.id); err != nil {
		return fmt.Errorf("save the position: %w", err)
	}
	return nil
}

// kind is the number of a row of kinds.
func (s *sqliteDB) kind(tx *sql.Tx, f features) (int64, error) {
	if id := s.kinds[f]; id != 0 {
		return id, nil
	}
	args := []any{f.event, f.service, f.verdict, f.zones, f.programs, f.users}
	if _, err := tx.Exec(`INSERT INTO kinds (event, service, verdict, zones, programs, users)
		VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, args...); err != nil {
		return 0, fmt.Errorf("add a kind: %w", err)
	}
	var id int64
	if err := tx.QueryRow(`SELECT id FROM kinds WHERE event = ? AND service = ? AND verdict = ? AND zones = ?
		AND programs = ? AND users = ?`, args...).Scan(&id); err != nil {
		return 0, fmt.Errorf("find a kind: %w", err)
	}
	if len(s.kinds) >= maxKinds {
		clear(s.kinds)
	}
	s.kinds[f] = id
	return id, nil
}
