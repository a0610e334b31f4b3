package history_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// alter runs statements on the history's file.
func alter(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func overwrite(t *testing.T, path string, with func(content []byte) []byte) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, with(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestBroken is of files that cannot be used: a new one is begun, the old one is kept, and somebody is told.
func TestBroken(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, path string){
		"zeros": func(t *testing.T, path string) {
			overwrite(t, path, func(c []byte) []byte { return make([]byte, len(c)) })
		},
		"text": func(t *testing.T, path string) {
			overwrite(t, path, func([]byte) []byte { return []byte(strings.Repeat("not a database\n", 1000)) })
		},
		"truncated": func(t *testing.T, path string) {
			overwrite(t, path, func(c []byte) []byte { return c[:len(c)/2] })
		},
		"zeros but for the beginning": func(t *testing.T, path string) {
			overwrite(t, path, func(c []byte) []byte { clear(c[4096:]); return c })
		},
		"another version":   func(t *testing.T, path string) { alter(t, path, "PRAGMA user_version = 9") },
		"another program's": func(t *testing.T, path string) { alter(t, path, "PRAGMA application_id = 9") },
		"a table is gone":   func(t *testing.T, path string) { alter(t, path, "DROP VIEW log; DROP TABLE epochs") },
		"no dictionary":     func(t *testing.T, path string) { alter(t, path, "DELETE FROM dictionary") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, someRecords(begun(), 500)...)
			entries := read(t, dir)
			s := open(t, history.Config{Dir: dir})
			deliver(t, s, entries)
			closeStore(t, s)
			path := filepath.Join(dir, "history.db")
			harm(t, path)
			harmed, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var told []string
			again := open(t, history.Config{Dir: dir, Warn: func(err error) { told = append(told, err.Error()) }})
			refill(t, again, entries)
			if len(told) != 1 || !strings.Contains(told[0], "cannot be used and is now history.db.broken-1") {
				t.Errorf("told %q", told)
			}
			kept, err := os.ReadFile(path + ".broken-1")
			if err != nil || !bytes.Equal(kept, harmed) {
				t.Errorf("the old file has %d bytes, had %d: %v", len(kept), len(harmed), err)
			}
		})
	}
}

// refill does what a feed does: it asks where to go on, and delivers until all is in, in spite of errors.
func refill(t *testing.T, s *history.Store, entries []journal.Entry) {
	t.Helper()
	for range 3 {
		at, err := s.Resume(t.Context(), entries[0].Identity.Journal)
		if err != nil {
			t.Log(err)
		}
		if at == last(entries) {
			break
		}
		if at != (flow.Identity{}) {
			t.Fatalf("it resumes at %v", at)
		}
		for i := 0; i < len(entries); i += 512 {
			if _, err := s.Deliver(t.Context(), entries[i:min(i+512, len(entries))]); err != nil {
				t.Log(err)
				break
			}
		}
	}
	sameEntries(t, "made anew", records(t, &s.Reader, history.Filter{}), wanted(entries, history.Filter{}))
}

// TestBrokenMeanwhile harms the file while it is open: the delivery that meets it fails, and the next ones make it anew.
func TestBrokenMeanwhile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, someRecords(begun(), 6000)...)
	entries := read(t, dir)
	var told []string
	s := open(t, history.Config{Dir: dir, Warn: func(err error) { told = append(told, err.Error()) }})
	deliver(t, s, entries[:4000])
	alter(t, filepath.Join(dir, "history.db"), "PRAGMA wal_checkpoint(TRUNCATE); DROP INDEX by_session; DROP TABLE positions; DROP TABLE kinds")
	refill(t, s, append(entries[:0:0], entries...))
	if len(told) == 0 {
		t.Error("nobody was told")
	}
}

// TestNoFile is of a directory where the file should be: it is left alone, and who opens is told what to do.
func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "history.db")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	_, writing := history.Open(t.Context(), history.Config{Dir: dir})
	_, reading := history.OpenReader(t.Context(), dir)
	for _, err := range []error{writing, reading} {
		if err == nil || !strings.Contains(err.Error(), path+" is not a file (drwx------): expected") {
			t.Errorf("error %v", err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	closeStore(t, open(t, history.Config{Dir: dir}))
}

// TestTaken is of a second writer.
func TestTaken(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, someRecords(begun(), 10)...)
	s := open(t, history.Config{Dir: dir})
	if _, err := history.Open(t.Context(), history.Config{Dir: dir}); !errors.Is(err, history.ErrTaken) {
		t.Errorf("a second writer is told %v", err)
	}
	if err := history.Rebuild(t.Context(), dir, nil); !errors.Is(err, history.ErrTaken) {
		t.Errorf("who rebuilds is told %v", err)
	}
	closeStore(t, s)
	closeStore(t, open(t, history.Config{Dir: dir}))
}
