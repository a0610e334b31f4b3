package history

import (
	"fmt"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
)

const (
	// trimRows is how many records are erased at once: twice what comes in a batch, so that it keeps up.
	trimRows = 1024
	// trimAfter is how many records are stored, and trimEvery how long it takes, until it is looked again.
	trimAfter = 512
	trimEvery = time.Minute
	// vacuumPages is how many free pages are given back at once.
	vacuumPages = 256
	// forgetAfter is how many steps that erased something go by until kinds without records are erased.
	forgetAfter = 256
)

// trimmer erases what is too old, and the oldest when the file is too large; a step after a delivery.
type trimmer struct {
	stored int
	looked time.Time
	steps  int
}

// turn takes a step when it is time.
func (t *trimmer) turn(s *sqliteDB, stored int) error {
	t.stored += stored
	now := time.Now()
	if t.stored < trimAfter && now.Sub(t.looked) < trimEvery {
		return nil
	}
	t.stored, t.looked = 0, now
	erased, err := t.step(s, now)
	if err != nil {
		return fmt.Errorf("erase old records: %w", err)
	}
	if erased == 0 {
		return nil
	}
	t.stored = trimAfter // look again at once
	if t.steps++; t.steps%forgetAfter != 0 {
		return nil
	}
	clear(s.kinds)
	_, err = s.db.Exec("DELETE FROM kinds WHERE NOT EXISTS (SELECT 1 FROM records WHERE kind = kinds.id)")
	return err
}

// step erases up to trimRows records and says how many. While the file system is short of space the history gives way,
// as the journal does: it can be built again.
func (t *trimmer) step(s *sqliteDB, now time.Time) (int64, error) {
	erased, err := s.erase("DELETE FROM records WHERE id IN (SELECT id FROM records INDEXED BY by_time WHERE time < ? LIMIT ?)",
		nanos(now.Add(-s.config.Settings.MaxAge)), trimRows)
	if err != nil || erased > 0 {
		return erased, err
	}
	var used, free int64
	err = s.db.QueryRow(`SELECT (page_count - freelist_count) * page_size, freelist_count
		FROM pragma_page_count, pragma_freelist_count, pragma_page_size`).Scan(&used, &free)
	if err == nil && (used > int64(s.config.Settings.MaxSize) || s.short()) {
		erased, err = s.erase("DELETE FROM records WHERE id IN (SELECT id FROM records ORDER BY id LIMIT ?)", trimRows)
	}
	if err == nil && free > 2*vacuumPages {
		_, err = s.db.Exec(fmt.Sprintf("PRAGMA incremental_vacuum(%d)", vacuumPages))
	}
	return erased, err
}

// short says whether less space is free than is to stay so.
func (s *sqliteDB) short() bool {
	free, err := journal.FreeSpace(s.config.Dir)
	return err == nil && free < s.config.KeepFree
}

// erase runs a DELETE and says how many rows are gone.
func (s *sqliteDB) erase(statement string, args ...any) (int64, error) {
	result, err := s.db.Exec(statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
