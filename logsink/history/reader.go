package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// OpenReader opens the SQLite history of a journal's directory for reading, while it is written or not. Where there is
// none the error is fs.ErrNotExist.
//
// A reader needs to read the file; beside a running door it needs to read, in the same directory, the two files that
// SQLite shares between processes. When no door runs and the user may not write the directory, the file is read as it
// is, which is whole when the last door ended in order; otherwise OpenReader fails.
func OpenReader(ctx context.Context, dir string) (*Reader, error) {
	path := filepath.Join(dir, fileName)
	if err := isFile(path); err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	s, err := openFile(ctx, path, address(path, "ro", "query_only(true)"))
	if err != nil && !exist(path+"-wal") {
		// Nobody writes, and the files that would let us see whether somebody begins cannot be made.
		s, err = openFile(ctx, path, address(path, "ro", "query_only(true)")+"&immutable=1")
	}
	if err != nil {
		return nil, fmt.Errorf("open history: %w%s", err, hint(err))
	}
	return &Reader{db: s}, nil
}

func exist(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// hint says what to do about a file that cannot be used.
func hint(err error) string {
	if unusable(err) {
		return "; 'lodoor history rebuild' makes it anew from the journal, and so does the next lodoor run"
	}
	return ""
}

func openFile(ctx context.Context, path, address string) (*sqliteFile, error) {
	db, err := sql.Open("sqlite", address)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	s := &sqliteFile{path: path, db: db}
	if err := checkVersion(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// OpenPostgres opens the history in the PostgreSQL that settings name, for reading. It holds the records of all
// machines that write there.
func OpenPostgres(s Settings) (*Reader, error) {
	p, err := openPostgres(Config{Settings: s.withDefaults()})
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	return &Reader{db: p}, nil
}
