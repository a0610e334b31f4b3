package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	fileName = "history.db"
	lockName = "history.lock"
)

// ErrTaken says that another process writes the history of this directory.
var ErrTaken = errors.New("another process writes it")

// sqliteDB is the history in a file, for its only writer. The journal's feed delivers, others may read meanwhile.
type sqliteDB struct {
	sqliteFile
	config Config
	held   *os.File // the lock

	mu     sync.Mutex // of all below, and of the file while it is replaced
	insert inserter
	kinds  map[features]int64
	epoch  epoch // of the last delivery
	trim   trimmer
}

// sqliteFile reads the history in a file.
type sqliteFile struct {
	path string
	db   *sql.DB
	pack packer
}

func (s *sqliteFile) close() error { return s.db.Close() }

func openSQLite(ctx context.Context, c Config) (*sqliteDB, error) {
	held, err := lock(filepath.Join(c.Dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(c.Dir, fileName), err)
	}
	s := &sqliteDB{sqliteFile: sqliteFile{path: filepath.Join(c.Dir, fileName)}, config: c, held: held}
	if err := s.openOrRenew(ctx); err != nil {
		_ = held.Close() // it has no content
		return nil, err
	}
	return s, nil
}

// openOrRenew opens the file. One that cannot be used is set aside, and a new one is made.
func (s *sqliteDB) openOrRenew(ctx context.Context) error {
	err := s.open(ctx)
	if !unusable(err) {
		return err
	}
	return s.renew(ctx, err)
}

// renew sets the file aside because of cause and begins a new one, which the feed fills from the journal.
func (s *sqliteDB) renew(ctx context.Context, cause error) error {
	aside, err := setAside(s.path)
	if err != nil {
		return fmt.Errorf("set %s aside (%w): %w", s.path, cause, err)
	}
	s.config.warn(fmt.Errorf("history: %s cannot be used and is now %s; it is made anew from the journal: %w",
		s.path, filepath.Base(aside), cause))
	return s.open(ctx)
}

// replace is renew for a file that is open.
func (s *sqliteDB) replace(ctx context.Context, cause error) error {
	_ = errors.Join(s.insert.close(), s.db.Close()) // it is damaged; what it says now is of no use
	return s.renew(ctx, cause)
}

// open opens the file, makes it if there is none, and prepares to write.
func (s *sqliteDB) open(ctx context.Context) error {
	if err := isFile(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o600) // SQLite gives its other files the mode of this one
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	// A quarter of SQLite's usual cache, 512 KiB, costs insertions no time that can be measured, and keeps 4 MB.
	s.db, err = sql.Open("sqlite", address(s.path, "rwc", "synchronous(normal)", "temp_store(memory)",
		"cache_size(-512)", "journal_size_limit(16777216)"))
	if err != nil {
		return err
	}
	s.db.SetMaxOpenConns(1)
	s.kinds, s.epoch, s.trim = make(map[features]int64), epoch{}, trimmer{}
	if err := s.ready(ctx); err != nil {
		return errors.Join(err, s.db.Close())
	}
	return nil
}

// isFile says, other than SQLite, what is in the way of a database. It is fs.ErrNotExist when there is nothing.
func isFile(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file (%s): expected the history's database, or nothing; move it away", path,
			info.Mode())
	}
	return err
}

func (s *sqliteDB) ready(ctx context.Context) error {
	if err := makeSchema(ctx, s.db); err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	if err := s.load(ctx); err != nil {
		return err
	}
	return s.insert.prepare(ctx, s.db)
}

// load reads what is needed to read records, and touches both ends of the file.
func (s *sqliteFile) load(ctx context.Context) error {
	var dictionary []byte
	var last sql.NullInt64
	err := s.db.QueryRowContext(ctx, "SELECT bytes, (SELECT max(time) FROM records) FROM dictionary").
		Scan(&dictionary, &last)
	if err == nil {
		s.pack, err = newPacker(dictionary)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	return nil
}

// The file may be replaced while somebody reads: each read takes the lock, and is short.

func (s *sqliteDB) page(ctx context.Context, f *Filter, after *key, backwards bool, n int) ([]row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sqliteFile.page(ctx, f, after, backwards, n)
}

// position is where a feed goes on. In a file that turns out to be unusable that is the beginning of a new one.
func (s *sqliteDB) position(ctx context.Context, journalID string) (flow.Identity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := s.sqliteFile.position(ctx, journalID)
	if unusable(err) {
		return flow.Identity{}, s.replace(ctx, err)
	}
	return id, err
}

func (s *sqliteDB) sessions(ctx context.Context, prefix string, n int) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sqliteFile.sessions(ctx, prefix, n)
}

func (s *sqliteDB) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errors.Join(s.insert.close(), s.sqliteFile.close())
	return errors.Join(err, s.held.Close())
}

// address is how SQLite is told of a file (https://sqlite.org/uri.html), with the pragmas of each connection.
func address(path, mode string, pragmas ...string) string {
	query := url.Values{"mode": {mode}, "_txlock": {"immediate"}}
	for _, p := range append([]string{"busy_timeout(5000)"}, pragmas...) {
		query.Add("_pragma", p)
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") && filepath.IsAbs(path) {
		path = "/" + path // C:/...
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	if !strings.HasPrefix(path, "/") {
		u = url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query.Encode()}
	}
	return u.String()
}

// unusable says of an error that it is the file's, and will come again: it is damaged, another program's, or of
// another version of lodoor.
func unusable(err error) bool {
	var e *sqlite.Error
	if errors.As(err, &e) {
		code := e.Code() & 0xff // the primary result code, https://sqlite.org/rescode.html
		return code == codes.SQLITE_CORRUPT || code == codes.SQLITE_NOTADB || code == codes.SQLITE_ERROR
	}
	var version *versionError
	return errors.As(err, &version) || errors.Is(err, errDictionary) || errors.Is(err, sql.ErrNoRows)
}

// setAside renames a database file and what belongs to it, and returns the new name.
func setAside(path string) (string, error) {
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s.broken-%d", path, n)
		_, err := os.Lstat(aside)
		if err == nil {
			continue
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if err := os.Rename(path, aside); err != nil {
			return "", err
		}
		for _, suffix := range []string{"-wal", "-shm"} {
			if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", err
			}
		}
		return aside, nil
	}
}
