// Package store keeps the files of recordings: in the making under a temporary name, finished under their own,
// compressed and encrypted on the way to the disk if that is wanted, and removed when their time is over. What is in
// them is not its business, but that they consist of whole blocks.
package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"filippo.io/age"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/proxy/flow"
)

// Config is what a store needs.
type Config struct {
	// Dir is where the files go. It is made for its owner only when the first one is.
	Dir      string
	Compress Compression
	// Recipients are those who can read the files; without any they are not encrypted. See ParseRecipients.
	Recipients []age.Recipient
	// RotateSize and RotateAge say when another file should follow; 0 is never.
	RotateSize flow.Size
	RotateAge  time.Duration
	// Keep is how long a finished file stays; 0 is for ever.
	Keep     time.Duration
	WhenFull WhenFull
	// MaxTotal is what all files in Dir may take. The store removes files for it, or not; it never fails a write.
	MaxTotal flow.Size
	// Create makes a file that is not there yet; nil is one that only its owner can read.
	Create func(path string) (Media, error)
}

// Media is what a file is written to.
type Media interface {
	io.WriteCloser
	// Truncate cuts off what a failed write left.
	Truncate(size int64) error
}

// Store is a directory of recordings. Its methods may be called at any time.
type Store struct {
	config Config

	mu   sync.Mutex
	open map[string]struct{} // base names of the files that this store writes
}

// New does not touch the disk.
func New(c Config) *Store {
	if c.Create == nil {
		c.Create = createMedia
	}
	return &Store{config: c, open: map[string]struct{}{}}
}

// Dir is where the files go.
func (s *Store) Dir() string { return s.config.Dir }

// Create begins a file under a name that no other has. label, which may be empty, becomes part of it: letters, digits
// and _.
func (s *Store) Create(service, label string, at time.Time) (*File, error) {
	if err := os.MkdirAll(s.config.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of recordings: %w", err)
	}
	name := block.FileName{
		Service: block.PlainService(service), Began: at.UTC().Truncate(time.Second), Label: label,
		Compressed: s.config.Compress == CompressZstd, Encrypted: len(s.config.Recipients) > 0,
	}
	media, name, err := s.place(name)
	if err != nil {
		return nil, fmt.Errorf("make a recording of %s: %w", service, err)
	}
	f := &File{store: s, name: name, began: at, sink: sink{media: media}}
	if f.stage, err = s.config.stages(&f.sink); err != nil {
		return nil, errors.Join(fmt.Errorf("make a recording of %s: %w", service, err), f.Close())
	}
	return f, nil
}

// place makes the file, under the first name that is free.
func (s *Store) place(name block.FileName) (Media, block.FileName, error) {
	for ; ; name.N = following(name.N) {
		if _, err := os.Lstat(s.path(name)); !errors.Is(err, fs.ErrNotExist) {
			if err != nil {
				return nil, name, err
			}
			continue
		}
		part := unfinished(name)
		s.opened(part)
		media, err := s.config.Create(s.path(part))
		if err == nil {
			return media, name, nil
		}
		s.closed(part)
		if !errors.Is(err, fs.ErrExist) {
			return nil, name, err
		}
	}
}

// following is the number behind n of files that began in the same second.
func following(n int) int { return max(n, 1) + 1 }

// unfinished is the name of a file while it is written.
func unfinished(name block.FileName) block.FileName {
	name.Unfinished = true
	return name
}

func (s *Store) path(name block.FileName) string { return filepath.Join(s.config.Dir, name.String()) }

func (s *Store) opened(name block.FileName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[name.String()] = struct{}{}
}

func (s *Store) closed(name block.FileName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, name.String())
}

// writes says whether this store writes the file.
func (s *Store) writes(base string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.open[base]
	return ok
}

// createMedia makes a file that only its owner can read, and holds it against those who finish what a crash has left.
// It never opens an existing one, nor follows a link.
func createMedia(path string) (Media, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	switch err := lock(f); {
	case errors.Is(err, errTaken):
		return nil, errors.Join(fs.ErrExist, f.Close()) // by one that takes it for a crash's: it was made just now
	case !isAt(f, path):
		return nil, errors.Join(fs.ErrExist, f.Close()) // it is finished already
	}
	return f, nil // without the lock where the file system has none
}

// isAt says whether path still leads to the open file.
func isAt(f *os.File, path string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(open, there)
}
