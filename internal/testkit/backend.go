package testkit

import (
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// BackendOptions are what a test wants of a backend of its own. The zero value echoes on 127.0.0.1.
type BackendOptions struct {
	// Network and Address are where it listens, as in [net.Listen]; empty is tcp on a free port of 127.0.0.1.
	Network, Address string
	// Accepted is called for each connection before one of its bytes is read; nil is nobody.
	Accepted func(*BackendConn)
	// Serve speaks with one client and returns when it has finished; the connection is closed then. Nil echoes until
	// the client has finished, and then finishes too.
	Serve func(net.Conn) error
}

// BackendServer is a server that keeps a book of its connections.
type BackendServer struct {
	listener net.Listener
	options  BackendOptions
	serving  sync.WaitGroup

	mu     sync.Mutex
	book   []*BackendConn
	closed bool
}

// BackendConn is a connection in a backend's book. Its methods may be called at any time.
type BackendConn struct {
	// ID counts from 1 in the order of acceptance.
	ID int
	// Remote is the client's address; empty for the client of a Unix socket that has none.
	Remote string

	conn          net.Conn
	read, written atomic.Uint64
	closed        atomic.Bool
	err           atomic.Pointer[error]
}

// EchoServer starts a backend that sends back what it reads. It ends with the test.
func EchoServer(t testing.TB) *BackendServer { return Backend(t, BackendOptions{}) }

// Backend starts a backend. It ends with the test, and its connections with it.
func Backend(t testing.TB, o BackendOptions) *BackendServer {
	t.Helper()
	if o.Network == "" {
		o.Network, o.Address = "tcp", "127.0.0.1:0"
	}
	if o.Serve == nil {
		o.Serve = echo
	}
	l, err := net.Listen(o.Network, o.Address)
	if err != nil {
		t.Fatal(err)
	}
	b := &BackendServer{listener: l, options: o}
	b.serving.Go(b.accept)
	t.Cleanup(b.Close)
	return b
}

func echo(c net.Conn) error {
	_, err := io.Copy(c, c)
	return err
}

func (b *BackendServer) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return // closed: nothing else ends a listener of a test
		}
		if c := b.enter(conn); c != nil {
			b.serving.Go(func() { b.serve(c) })
		}
	}
}

// enter puts a connection into the book, unless the book is closed.
func (b *BackendServer) enter(conn net.Conn) *BackendConn {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		_ = conn.Close()
		return nil
	}
	c := &BackendConn{ID: len(b.book) + 1, Remote: conn.RemoteAddr().String(), conn: conn}
	b.book = append(b.book, c)
	return c
}

func (b *BackendServer) serve(c *BackendConn) {
	defer c.closed.Store(true)
	defer c.conn.Close()
	if b.options.Accepted != nil {
		b.options.Accepted(c)
	}
	if err := b.options.Serve(countingConn{c.conn, c}); err != nil {
		c.err.Store(&err)
	}
}

// Addr is where the backend listens.
func (b *BackendServer) Addr() net.Addr { return b.listener.Addr() }

// Port is the TCP port; 0 for a Unix socket.
func (b *BackendServer) Port() int {
	if a, ok := b.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// Connections are all connections so far, in the order of acceptance.
func (b *BackendServer) Connections() []*BackendConn {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.book)
}

// Open is how many connections are not over.
func (b *BackendServer) Open() int {
	n := 0
	for _, c := range b.Connections() {
		if !c.Closed() {
			n++
		}
	}
	return n
}

// Bytes are the bytes read from and written to all clients.
func (b *BackendServer) Bytes() (read, written uint64) {
	for _, c := range b.Connections() {
		read += c.Read()
		written += c.Written()
	}
	return read, written
}

// Close ends the listener and all connections, and waits for them.
func (b *BackendServer) Close() {
	_ = b.listener.Close()
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	for _, c := range b.Connections() {
		_ = c.conn.Close()
	}
	b.serving.Wait()
}

// Read is how many bytes were read from the client.
func (c *BackendConn) Read() uint64 { return c.read.Load() }

// Written is how many bytes were written to the client.
func (c *BackendConn) Written() uint64 { return c.written.Load() }

// Closed says whether the connection is over.
func (c *BackendConn) Closed() bool { return c.closed.Load() }

// Err is what Serve ended with.
func (c *BackendConn) Err() error {
	if p := c.err.Load(); p != nil {
		return *p
	}
	return nil
}

// countingConn counts what passes through a connection.
type countingConn struct {
	net.Conn
	book *BackendConn
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.book.read.Add(uint64(n))
	return n, err
}

func (c countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.book.written.Add(uint64(n))
	return n, err
}

// CloseWrite finishes the way to the client; it may still send.
func (c countingConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
