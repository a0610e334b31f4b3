package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
)

// witness stands on one side of a door and keeps the digest of what passes: what that end saw.
type witness struct {
	port int
	leg  int

	passing sync.WaitGroup // connections that are not over

	mu   sync.Mutex
	seen exchanges
}

// witnessInFront stands between clients and a door's port, witnessBehind between a door and its backend's.
func witnessInFront(t *testing.T, door int) *witness   { return newWitness(t, front, door) }
func witnessBehind(t *testing.T, backend int) *witness { return newWitness(t, back, backend) }

func newWitness(t *testing.T, leg, port int) *witness {
	t.Helper()
	w := &witness{leg: leg, seen: make(exchanges)}
	w.port = testkit.Backend(t, testkit.BackendOptions{Serve: func(c net.Conn) error {
		to, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			return err
		}
		defer to.Close()
		door := to.LocalAddr()
		if leg == back {
			door = c.RemoteAddr()
		}
		w.passing.Add(1)
		defer w.passing.Done()
		w.relay(c, to, w.enter(uint16(door.(*net.TCPAddr).Port)))
		return nil
	}}).Port()
	return w
}

func (w *witness) enter(port uint16) *exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	key, one := connection{w.leg, port}, &exchange{{digest: sha256.New()}, {digest: sha256.New()}}
	w.seen[key] = append(w.seen[key], one)
	return one
}

func (*witness) relay(client, server net.Conn, seen *exchange) {
	var answers sync.WaitGroup
	answers.Go(func() { seen[1].pass(client, server) })
	seen[0].pass(server, client)
	answers.Wait()
}

// pass writes what it reads, and then keeps it in mind.
func (s *stream) pass(to io.Writer, from io.Reader) {
	n, _ := io.Copy(to, io.TeeReader(from, s.digest))
	s.size = uint64(n)
	_ = to.(interface{ CloseWrite() error }).CloseWrite()
}

// agree fails the test when recordings have other bytes than one of the witnesses saw. No byte may be missing.
func agree(t *testing.T, recorded exchanges, witnesses ...*witness) {
	t.Helper()
	for _, w := range witnesses {
		w.passing.Wait()
		if len(w.seen) == 0 {
			t.Error("nobody came by")
		}
		for c, seen := range w.seen {
			got := recorded[c]
			if len(got) != len(seen) {
				t.Errorf("leg %d, port %d: %d connections are recorded, %d were seen", c.leg, c.port, len(got), len(seen))
				continue
			}
			for i := range seen {
				if want, is := seen[i].words(), got[i].words(); is != want {
					t.Errorf("leg %d, port %d: recorded\n%s\nthe end saw\n%s", c.leg, c.port, is, want)
				}
			}
		}
	}
}

func (c *exchange) words() string {
	return fmt.Sprintf("%d bytes %x, %d missing; back %d bytes %x, %d missing", c[0].size, c[0].digest.Sum(nil), c[0].holes,
		c[1].size, c[1].digest.Sum(nil), c[1].holes)
}
