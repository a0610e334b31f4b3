package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lodoor/lodoor/logsink/journal"
)

const (
	temporaryName = fileName + ".tmp"
	rebuildBatch  = 512
)

// Rebuild makes the SQLite history of a journal's directory anew from the journal, while no door feeds it; the journal
// may be written meanwhile. The old file stays until the new one is complete; what it had beyond the journal is lost,
// as is what is older than the default age. Lines that cannot be read are left out; 'lodoor verify' tells of them.
//
// progress, which may be nil, is told how many of the journal's records are done. The error is [ErrTaken] when a door
// feeds the history.
func Rebuild(ctx context.Context, dir string, progress func(done, total uint64)) error {
	held, err := lock(filepath.Join(dir, lockName))
	if err != nil {
		return fmt.Errorf("rebuild history of %s: %w", dir, err)
	}
	defer held.Close()
	if err := rebuild(ctx, dir, progress); err != nil {
		return errors.Join(fmt.Errorf("rebuild history of %s: %w", dir, err), removeDB(filepath.Join(dir, temporaryName)))
	}
	return nil
}

func rebuild(ctx context.Context, dir string, progress func(done, total uint64)) error {
	path, temporary := filepath.Join(dir, fileName), filepath.Join(dir, temporaryName)
	if err := removeDB(temporary); err != nil {
		return err
	}
	s := &sqliteDB{sqliteFile: sqliteFile{path: temporary}, config: Config{Settings: Settings{}.withDefaults()}}
	if err := s.open(ctx); err != nil {
		return err
	}
	err := s.fill(ctx, dir, progress)
	if err = errors.Join(err, s.insert.close(), s.db.Close()); err != nil {
		return err
	}
	// The old file goes first: SQLite would take its write-ahead log for the new one's.
	if err := removeDB(path); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// fill stores all that the journal has.
func (s *sqliteDB) fill(ctx context.Context, dir string, progress func(done, total uint64)) error {
	first, last, err := extent(dir)
	if err != nil {
		return err
	}
	total := last - first + 1
	entries := make([]journal.Entry, 0, rebuildBatch)
	for e, err := range journal.Read(dir, journal.From{}) {
		if err != nil {
			if e.Line == nil {
				return err
			}
			continue
		}
		e.Line = append([]byte(nil), e.Line...)
		if entries = append(entries, e); len(entries) < rebuildBatch {
			continue
		}
		if _, err := s.deliver(ctx, entries); err != nil {
			return err
		}
		if progress != nil {
			done := e.Identity.Seq - first + 1
			total = max(total, done) // a door may be writing
			progress(done, total)
		}
		entries = entries[:0]
	}
	if len(entries) > 0 {
		if _, err := s.deliver(ctx, entries); err != nil {
			return err
		}
	}
	if progress != nil {
		progress(total, total)
	}
	return nil
}

// extent is the first and the last number in a journal, from the names of its segments (docs/record-format.md) and the
// end of the last of them.
func extent(dir string) (first, last uint64, err error) {
	names, err := filepath.Glob(filepath.Join(escape(dir), "journal-*.jsonl*"))
	if err != nil {
		return 0, 0, err
	}
	for _, name := range names {
		digits := strings.TrimPrefix(filepath.Base(name), "journal-")
		n, err := strconv.ParseUint(digits[:min(20, len(digits))], 10, 64)
		if err != nil {
			continue // something else
		}
		if first == 0 || n < first {
			first = n
		}
		last = max(last, n)
	}
	if first == 0 {
		return 0, 0, fmt.Errorf("there is no journal in %s", dir)
	}
	for e, err := range journal.Read(dir, journal.From{Seq: last}) {
		if err == nil {
			last = max(last, e.Identity.Seq)
		}
	}
	return first, last, nil
}

// escape makes a path mean itself to filepath.Glob.
func escape(path string) string {
	return strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(path)
}

// removeDB removes a database file and what belongs to it.
func removeDB(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
