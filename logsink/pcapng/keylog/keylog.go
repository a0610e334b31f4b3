// Package keylog follows the file in which TLS clients and servers log their secrets, so that a recording can hold what
// opens it: SSLKEYLOGFILE, RFC 9850, which is NSS's key log format.
package keylog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

const (
	// maxRead is how much of the file is read at once, and so the most that one call answers.
	maxRead = 256 << 10
	// maxRounds is how often one call reads when there is nothing in it that anybody wants.
	maxRounds = 8
	// maxBefore is how much of what was there already is read of a file: the secrets of some thousand connections. Those
	// of sessions that are yet to be recorded are at its end.
	maxBefore = 1 << 20
	// anybody are the permissions of a file that others can read.
	anybody = 0o044
)

// Wanted says whether the secrets of a connection are of interest; it is named by its ClientHello's random. It is asked
// once for each line, in their order.
type Wanted func(random [32]byte) bool

// Stats are counts since [Open].
type Stats struct {
	Lines   uint64 // that Read answered
	Dropped uint64 // that were not of the format, or have a label that it does not know
	Foreign uint64 // that nobody wanted
}

// Log follows one file. One goroutine at a time uses it.
type Log struct {
	path    string
	file    *os.File // nil while there is none
	place   place
	warning string
	stats   Stats

	raw, lines []byte // used again at every call
}

// Open begins to follow a file. The file may not exist yet; its directory has to. What it holds already is read as well,
// the last 1 MiB of it. It is an error when it is something that is no regular file.
func Open(path string) (*Log, error) {
	if path == "" {
		return nil, errors.New("key log: expected the path of the file that SSLKEYLOGFILE names")
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("key log %s: expected its directory to exist: %w", path, err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("key log %s: expected %s to be a directory", path, filepath.Dir(path))
	}
	l := &Log{path: path, raw: make([]byte, markSize+maxRead)}
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

// Close ends it.
func (l *Log) Close() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// Stats are the counts so far.
func (l *Log) Stats() Stats { return l.stats }

// Warning says, once for each file, that others can read it; empty when they cannot, or while there is none.
func (l *Log) Warning() string {
	w := l.warning
	l.warning = ""
	return w
}

// Read answers the whole lines that are new, each with its newline, and nothing when there are none. What is not of the
// format is left out and counted, and so is what wanted does not want; nil wants everything. It answers 256 KiB at most,
// so it is to be called until it answers nothing. The lines are valid until the next call. It does not wait.
//
// A file that was truncated or written anew is read from its begin, and one that was replaced after the rest of the old.
func (l *Log) Read(wanted Wanted) (lines []byte, err error) {
	l.lines = l.lines[:0]
	for range maxRounds {
		if err := l.open(); err != nil || l.file == nil {
			return nil, err
		}
		more, err := l.next(wanted)
		if err != nil {
			return nil, fmt.Errorf("read the key log %s: %w", l.path, err)
		}
		if len(l.lines) > 0 {
			break
		}
		if more {
			continue
		}
		if !l.replaced() {
			break
		}
		if err := l.Close(); err != nil {
			return nil, fmt.Errorf("leave the key log %s that was replaced: %w", l.path, err)
		}
	}
	return l.lines, nil
}

// open opens the file if it is there and not open.
func (l *Log) open() error {
	if l.file != nil {
		return nil
	}
	f, err := os.OpenFile(l.path, os.O_RDONLY|openFlags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("key log: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file (%s): expected the file that SSLKEYLOGFILE names", l.path, info.Mode())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("key log: %w", err), f.Close())
	}
	l.file, l.place = f, placeIn(info.Size())
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&anybody != 0 {
		l.warning = fmt.Sprintf("%s can be read by others (mode %04o), who can decrypt what was captured with it; chmod 600",
			l.path, mode)
	}
	return nil
}

// replaced says whether another file has the name now. While none has it, the old one may go on.
func (l *Log) replaced() bool {
	here, err := l.file.Stat()
	if err != nil {
		return true
	}
	there, err := os.Stat(l.path)
	return err == nil && !os.SameFile(here, there)
}
