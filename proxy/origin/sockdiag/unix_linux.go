package sockdiag

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// UnixPeer is the inode of the socket that a connected Unix socket, named by its own inode, has for its peer. The error
// is [ErrNotFound] when there is none any more, when the socket is of another network namespace (that of who connected
// counts), and where the kernel has no unix_diag.
func (c *Conn) UnixPeer(inode uint32) (peer uint32, err error) {
	r := unixRequest{inode}
	c.mu.Lock()
	defer c.mu.Unlock()
	m, err := c.exchange(r.append(c.buf[:0], c.next()))
	if err == nil {
		var b []byte
		if b, err = m.answer(); err == nil {
			peer, err = r.peer(b)
		}
	}
	switch {
	case errors.Is(err, unix.ENOENT), err == nil && peer == 0:
		return 0, ErrNotFound
	case err != nil:
		return 0, fmt.Errorf("sock_diag of a Unix socket: %w", err)
	}
	return peer, nil
}
