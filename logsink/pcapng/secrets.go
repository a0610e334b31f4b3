package pcapng

import (
	"bytes"
	"errors"
	"slices"
	"sync"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/keylog"
)

const (
	// maxWanted is of how many TLS sessions the secrets are looked for, maxSoFar how much of a service's is kept for files
	// that begin later.
	maxWanted = 1 << 15
	maxSoFar  = 256 << 10
)

// secrets are what decrypts recorded TLS sessions: those lines of a key log that belong to them, for the files of their
// own service. A nil *secrets has none.
type secrets struct {
	log   *keylog.Log
	soFar map[string][]byte // by service; the writer's

	mu     sync.Mutex
	wanted map[[32]byte][]string // for which services; a session may pass through several
	order  [][32]byte            // of wanted, a ring once it is full
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
	return &secrets{log: log, soFar: map[string][]byte{}, wanted: map[[32]byte][]string{}}, nil
}

// hello is what looks for the beginning of TLS in a session; nil when nobody wants to know.
func (s *secrets) hello() *keylog.Hello {
	if s == nil {
		return nil
	}
	return &keylog.Hello{}
}

// want has the secrets of a session looked for.
func (s *secrets) want(random [32]byte, service string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	services, known := s.wanted[random]
	switch {
	case slices.Contains(services, service):
		return
	case known:
	case len(s.order) < maxWanted:
		s.order = append(s.order, random)
	default:
		delete(s.wanted, s.order[s.next])
		s.order[s.next] = random
		s.next = (s.next + 1) % maxWanted
	}
	s.wanted[random] = append(services, service)
}

func (s *secrets) wantedFor(random [32]byte) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.wanted[random])
}

// read is what is new, by service; nothing when there is none.
func (s *secrets) read() (news map[string][]byte, err error) {
	var services [][]string // of each line
	lines, err := s.log.Read(func(random [32]byte) bool {
		to := s.wantedFor(random)
		if len(to) > 0 {
			services = append(services, to)
		}
		return len(to) > 0
	})
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	news = map[string][]byte{}
	for line := range bytes.Lines(lines) {
		for _, service := range services[0] {
			news[service] = append(news[service], line...)
		}
		services = services[1:]
	}
	for service, lines := range news {
		s.soFar[service] = newest(append(s.soFar[service], lines...))
	}
	return news, nil
}

// newest leaves out the oldest lines when there are too many.
func newest(lines []byte) []byte {
	over := len(lines) - maxSoFar
	if over <= 0 {
		return lines
	}
	over += bytes.IndexByte(lines[over:], '\n') + 1
	return append(lines[:0], lines[over:]...)
}

// appendSoFar appends what a file of a service that begins now has to know.
func (s *secrets) appendSoFar(b []byte, service string) []byte {
	if s == nil {
		return b
	}
	return appendSecrets(b, s.soFar[service])
}

func appendSecrets(b, lines []byte) []byte {
	if len(lines) == 0 {
		return b
	}
	return block.AppendSecrets(b, &block.Secrets{Type: block.SecretsTLS, Data: lines})
}

// reveal writes new secrets to the files of their services, before the packets that they decrypt. A ring's are in what a
// file that is made of it begins with. That the key log cannot be read is told; the recording goes on without.
func (w *writer) reveal() error {
	for w.secrets != nil {
		news, err := w.secrets.read()
		if warning := w.secrets.log.Warning(); warning != "" {
			w.trouble(errors.New(warning))
		}
		w.keylog.tell(w.trouble, err)
		if err != nil || news == nil {
			return nil
		}
		for f := range w.open {
			if err := f.begin(f.at, appendSecrets(nil, news[f.track.service])); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *secrets) close() error {
	if s == nil {
		return nil
	}
	return s.log.Close()
}
