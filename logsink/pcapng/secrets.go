package pcapng

import (
	"bytes"
	"errors"
	"sync"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/keylog"
)

const (
	// maxWanted is of how many TLS sessions the secrets are looked for, maxSoFar how much of them is kept for files that
	// begin later.
	maxWanted = 1 << 15
	maxSoFar  = 256 << 10
)

// secrets are what decrypts recorded TLS sessions: those lines of a key log that belong to them. A nil *secrets has none.
type secrets struct {
	log   *keylog.Log
	soFar []byte // the writer's

	mu     sync.Mutex
	wanted map[[32]byte]struct{}
	order  [][32]byte // of wanted, a ring once it is full
	next   int
}

func newSecrets(path string) (*secrets, error) {
	if path == "" {
		return nil, nil
	}
	log, err := keylog.Open(path)
	if err != nil {
		return nil, err
	}
	return &secrets{log: log, wanted: map[[32]byte]struct{}{}}, nil
}

// hello is what looks for the beginning of TLS in a session; nil when nobody wants to know.
func (s *secrets) hello() *keylog.Hello {
	if s == nil {
		return nil
	}
	return &keylog.Hello{}
}

// want has the secrets of a session looked for.
func (s *secrets) want(random [32]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.order) < maxWanted {
		s.order = append(s.order, random)
	} else {
		delete(s.wanted, s.order[s.next])
		s.order[s.next] = random
		s.next = (s.next + 1) % maxWanted
	}
	s.wanted[random] = struct{}{}
}

func (s *secrets) wants(random [32]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.wanted[random]
	return ok
}

// read is a Decryption Secrets Block of what is new, or nothing.
func (s *secrets) read() ([]byte, error) {
	lines, err := s.log.Read(s.wants)
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	s.soFar = append(s.soFar, lines...)
	if over := len(s.soFar) - maxSoFar; over > 0 {
		over += bytes.IndexByte(s.soFar[over:], '\n') + 1
		s.soFar = append(s.soFar[:0], s.soFar[over:]...)
	}
	return block.AppendSecrets(nil, &block.Secrets{Type: block.SecretsTLS, Data: lines}), nil
}

// appendSoFar appends what a file that begins now has to know.
func (s *secrets) appendSoFar(b []byte) []byte {
	if s == nil || len(s.soFar) == 0 {
		return b
	}
	return block.AppendSecrets(b, &block.Secrets{Type: block.SecretsTLS, Data: s.soFar})
}

// reveal writes new secrets to every file, before the packets that they decrypt. A ring's are in what a file that is made
// of it begins with. That the key log cannot be read is told; the recording goes on without.
func (w *writer) reveal() error {
	for w.secrets != nil {
		secrets, err := w.secrets.read()
		if warning := w.secrets.log.Warning(); warning != "" {
			w.trouble(errors.New(warning))
		}
		if text := textOf(err); text != w.untold {
			w.untold = text
			if err != nil {
				w.trouble(err)
			}
		}
		if err != nil || secrets == nil {
			return nil
		}
		for f := range w.open {
			if err := f.begin(f.at, secrets); err != nil {
				return err
			}
		}
	}
	return nil
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (s *secrets) close() error {
	if s == nil {
		return nil
	}
	return s.log.Close()
}
