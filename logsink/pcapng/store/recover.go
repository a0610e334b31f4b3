package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
)

// Recovered is a file that a crash has left, and that is finished now.
type Recovered struct {
	// Path is its name; empty when nothing was in it, so that it was removed.
	Path string
	Size int64
	// Cut is how many bytes of half a block were cut off. What is compressed or encrypted is not cut: who reads it meets
	// the tear.
	Cut int64
}

// Recover finishes the files that a crash has left, in this process's recordings or another one's. Those that are being
// written are not touched. What cannot be finished is left as it is; the errors are joined.
func (s *Store) Recover() ([]Recovered, error) {
	entries, err := os.ReadDir(s.config.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for recordings that a crash has left: %w", err)
	}
	var done []Recovered
	var errs []error
	for _, e := range entries {
		name, ok := block.ParseFileName(e.Name())
		if !ok || !name.Unfinished() || !e.Type().IsRegular() || s.writes(e.Name()) {
			continue
		}
		r, err := s.finish(name)
		switch {
		case errors.Is(err, errTaken), errors.Is(err, fs.ErrNotExist):
		case err != nil:
			errs = append(errs, fmt.Errorf("finish the recording %s: %w", s.path(name), err))
		default:
			done = append(done, r)
		}
	}
	return done, errors.Join(errs...)
}

func (s *Store) finish(name block.FileName) (r Recovered, err error) {
	part := s.path(name)
	f, err := os.OpenFile(part, os.O_RDWR, 0)
	if err != nil {
		return r, err
	}
	defer f.Close()
	if err := lock(f); err != nil {
		return r, err
	}
	if !isAt(f, part) {
		return r, errTaken // finished by another meanwhile
	}
	if r.Size, r.Cut, err = cut(f, name); err != nil {
		return r, err
	}
	if r.Size > 0 {
		final, err := s.publish(part, finished(name))
		if err != nil {
			return r, err
		}
		r.Path = s.path(final)
	}
	if removeIfThere(part) == nil { // while it is held: its writer may be just about to lock it
		return r, nil
	}
	_ = f.Close() // Windows removes no open file
	return r, removeIfThere(part)
}

// cut removes the half block at the end of a plain file. A file that is damaged otherwise stays as it is.
func cut(f *os.File, name block.FileName) (size, torn int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	if name.Compressed || name.Encrypted {
		return info.Size(), 0, nil
	}
	r := block.NewReader(f)
	for err == nil {
		_, err = r.Next()
	}
	var damage *block.FormatError
	switch {
	case errors.Is(err, block.ErrTorn):
		if err := f.Truncate(r.Whole()); err != nil {
			return 0, 0, fmt.Errorf("cut it after its last whole block: %w", err)
		}
		return r.Whole(), info.Size() - r.Whole(), nil
	case errors.Is(err, io.EOF), errors.As(err, &damage):
		return info.Size(), 0, nil
	}
	return 0, 0, err
}
