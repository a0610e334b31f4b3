// Package store keeps the files of recordings: in the making under a temporary name, finished under their own,
// compressed and encrypted on the way to the disk if that is wanted, and removed when their time is over. What is in
// them is not its business, but that they consist of whole blocks.
package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
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
	// RotateSize, on the disk, and RotateAge say when another file should follow; 0 is never. See File.Due.
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
	open map[string]struct{} // base names of the files that this store writes, the final and the temporary ones
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
	f := &File{store: s, name: s.reserve(name), began: at}
	err := f.begin()
	if err != nil {
		return nil, fmt.Errorf("make a recording of %s: %w", service, err)
	}
	return f, nil
}

// reserve finds a name that no finished file and no other of this store has, and a temporary one. Another process may
// want the same one; then the first to finish its file has it.
func (s *Store) reserve(name block.FileName) block.FileName {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; ; name.N = following(name.N) {
		name.Key = ""
		_, open := s.open[name.String()]
		if _, err := os.Lstat(s.path(name)); open || err == nil {
			continue
		}
		s.open[name.String()] = struct{}{}
		name.Key = strings.ToLower(rand.Text())[:keyLen]
		s.open[name.String()] = struct{}{}
		return name
	}
}

// keyLen is how long the part of a temporary name is that no other has: 40 bits.
const keyLen = 8

// release gives the names back.
func (s *Store) release(name block.FileName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, name.String())
	delete(s.open, finished(name).String())
}

// writes says whether this store writes the file.
func (s *Store) writes(base string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.open[base]
	return ok
}

// following is the number behind n of files that began in the same second.
func following(n int) int { return max(n, 1) + 1 }

// finished is the name that a file is going to have.
func finished(name block.FileName) block.FileName {
	name.Key = ""
	return name
}

func (s *Store) path(name block.FileName) string { return filepath.Join(s.config.Dir, name.String()) }

// createMedia makes a file that only its owner can read, and holds it against those who finish what a crash has left.
// It never opens an existing one, nor follows a link. Who looks for a crash's files may be there first: that one is gone
// then, and errTaken says so.
func createMedia(path string) (Media, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock(f); errors.Is(err, errTaken) || !isAt(f, path) {
		return nil, errors.Join(errTaken, f.Close())
	}
	return disk{f}, nil // without the lock where the file system has none
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
