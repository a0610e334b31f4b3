package backend

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Server answers clients from a recording.
type Server struct {
	protocol protocol
	book     *book
	name     string
	sessions int
	missed   atomic.Uint64
	tell     func(string)

	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

// New reads a recording to its end. The error says what cannot be read, or that there is nothing in it to answer with.
func New(c Config) (*Server, error) {
	l, err := load(c)
	if err != nil {
		return nil, err
	}
	tell := c.Missed
	if tell == nil {
		tell = func(string) {}
	}
	return &Server{
		protocol: l.protocol, book: &l.book, name: l.Protocol, sessions: l.sessions, tell: tell,
		open: map[net.Conn]struct{}{},
	}, nil
}

// Protocol is what it speaks: postgres, redis or http.
func (s *Server) Protocol() string { return s.name }

// Sessions is how many recorded sessions there are to answer from.
func (s *Server) Sessions() int { return s.sessions }

// Missed is how many questions so far were not in the recording.
func (s *Server) Missed() uint64 { return s.missed.Load() }

// Serve answers the clients of a listener until ctx is done, and closes it. The error is that of accepting.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	var clients sync.WaitGroup
	defer clients.Wait()
	stop := context.AfterFunc(ctx, func() { s.end(ln) })
	defer stop()
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return nil
		}
		if err != nil {
			if !retry(ctx, err) {
				s.end(ln)
				return fmt.Errorf("accept a client: %w", err)
			}
			continue
		}
		clients.Go(func() { s.client(conn) })
	}
}

// retry waits a moment when an error of accepting is one that passes, such as that too many files are open.
func retry(ctx context.Context, err error) bool {
	var passing interface{ Temporary() bool }
	if !errors.As(err, &passing) || !passing.Temporary() {
		return false
	}
	select {
	case <-ctx.Done():
	case <-time.After(50 * time.Millisecond):
	}
	return true
}

// end closes the listener and all connections.
func (s *Server) end(ln net.Listener) {
	ln.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for conn := range s.open {
		conn.Close()
	}
}

func (s *Server) enter(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.open[conn] = struct{}{}
	}
	return !s.closed
}

func (s *Server) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
}

func (s *Server) client(conn net.Conn) {
	defer conn.Close()
	if !s.enter(conn) {
		return
	}
	defer s.leave(conn)
	c := &client{
		server: s, conn: conn, out: bufio.NewWriterSize(conn, 32<<10), follower: follower{book: s.book},
	}
	_ = s.protocol.serve(c) // the client went away, or was told why
	_ = c.out.Flush()
}

// client is one connection.
type client struct {
	server *Server
	conn   net.Conn
	out    *bufio.Writer
	follower
}

// errDone ends a connection in order.
var errDone = errors.New("the connection is over")

// missing notes a question that is not in the recording.
func (c *client) missing(text string) {
	c.server.missed.Add(1)
	c.server.tell(cut(text))
}

// cut keeps of a text what a person needs to know it again.
func cut(text string) string {
	const most = 300
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// pump reads from the client and writes what there is to answer whenever nothing more has come.
func (c *client) pump(take func(b []byte) error) error {
	b := make([]byte, 32<<10)
	for {
		n, err := c.conn.Read(b)
		if n > 0 {
			if err := take(b[:n]); err != nil {
				return err
			}
			if err := c.out.Flush(); err != nil {
				return fmt.Errorf("answer a client: %w", err)
			}
		}
		if err != nil {
			return fmt.Errorf("read from a client: %w", err)
		}
	}
}
