package sockdiag

import (
	"fmt"
	"time"
)

// ByInode returns the connected sockets with these inodes, and whoever listens, in the network namespace of the calling
// thread. The kernel has no index by inode: it lists all sockets, some tenths of a millisecond for a thousand.
func ByInode(inodes map[uint32]bool) (own, listeners []Socket, err error) {
	c, err := dial()
	if err != nil {
		return nil, nil, err
	}
	defer c.Close() //nolint:errcheck // nothing was written
	for _, family := range []uint8{familyInet, familyInet6} {
		r := request{family: family, states: connected | 1<<Listen, dump: true}
		err := c.each(&r, func(s *Socket) {
			switch {
			case s.State == Listen:
				listeners = append(listeners, *s)
			case s.Inode != 0 && inodes[s.Inode]:
				own = append(own, *s)
			}
		})
		if err != nil {
			return nil, nil, fmt.Errorf("list sockets: %w", err)
		}
	}
	return own, listeners, nil
}

// each is dump for long lists of which little is kept.
func (c *Conn) each(r *request, visit func(*Socket)) error {
	if err := c.send(r.append(c.buf[:0], c.next())); err != nil {
		return err
	}
	var some []Socket
	buf := make([]byte, 1<<16) // the kernel puts at most 32 KB into one datagram
	for done := false; !done; {
		b, err := c.receive(buf, time.Now().Add(timeout))
		if err != nil {
			return err
		}
		if some, done, err = c.collect(some[:0], b, r); err != nil {
			return err
		}
		for i := range some {
			visit(&some[i])
		}
	}
	return nil
}
