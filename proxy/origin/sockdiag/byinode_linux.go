package sockdiag

import "fmt"

// held are the states of sockets that a process may have: not those of sockets that are still asking, or that the kernel
// keeps after their end.
const held = ^uint32(1<<2 | 1<<3 | 1<<TimeWait | 1<<12) // SYN-SENT, SYN-RECV, NEW-SYN-RECV

// ByInode returns the sockets with these inodes, and whoever listens, in the network namespace of the calling thread.
// The kernel has no index by inode: it lists all sockets, some tenths of a millisecond for a thousand.
func ByInode(inodes map[uint32]bool) (own, listeners []Socket, err error) {
	c, err := dial()
	if err != nil {
		return nil, nil, err
	}
	defer c.Close() //nolint:errcheck // nothing was written
	keep := func(s *Socket) bool {
		switch {
		case s.State == Listen:
			listeners = append(listeners, *s)
		case s.Inode != 0 && inodes[s.Inode]:
			own = append(own, *s)
		}
		return false
	}
	for _, family := range []uint8{familyInet, familyInet6} {
		if _, err = c.dump(nil, &request{family: family, states: held, dump: true}, keep); err != nil {
			return nil, nil, fmt.Errorf("list sockets: %w", err)
		}
	}
	return own, listeners, nil
}
