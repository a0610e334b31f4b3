package proxy

import (
	"os"
	"sync"
	"syscall"

	"errors"
)

// spare is a descriptor kept for the moment when there are none left: without it a client that waits in the queue could
// not even be told.
type spare struct {
	mu   sync.Mutex
	file *os.File
}

func newSpare() *spare {
	s := &spare{}
	s.file, _ = os.Open(os.DevNull)
	return s
}

// lend frees the descriptor while f runs.
func (s *spare) lend(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		_ = s.file.Close()
	}
	f()
	s.file, _ = os.Open(os.DevNull)
}

func (s *spare) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
}

// exhausted says whether accept failed for want of something that comes back: descriptors or memory (accept(2)).
func exhausted(err error) bool {
	for _, e := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
