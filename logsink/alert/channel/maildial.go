package channel

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
)

// conversation is the one connection of an attempt. The library leaves it open when the server does not let it in, and
// does not look at the context once it is connected.
type conversation struct {
	implicit bool // TLS from the first byte
	tls      *tls.Config

	mu   sync.Mutex
	conn net.Conn
}

// dial is for the library.
func (c *conversation) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.conn = conn
	c.mu.Unlock()
	if !c.implicit {
		return conn, nil
	}
	secure := tls.Client(conn, c.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secure, nil
}

// closeWith closes the connection when ctx is done, and has to be called back at the end of the attempt.
func (c *conversation) closeWith(ctx context.Context) func() {
	stop := context.AfterFunc(ctx, c.close)
	return func() {
		stop()
		c.close()
	}
}

func (c *conversation) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		_ = c.conn.Close()
	}
}
