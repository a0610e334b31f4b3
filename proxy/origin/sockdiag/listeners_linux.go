package sockdiag

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Listeners returns the sockets that listen on a TCP port, at any address, in the network namespace of the calling
// thread. It has a connection of its own: a list that is broken off would leave its rest to the next request.
func Listeners(port uint16) ([]Socket, error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	defer c.Close() //nolint:errcheck // nothing was written
	var all []Socket
	for _, family := range []uint8{familyInet, familyInet6} {
		r := request{
			family: family,
			states: 1 << Listen,
			local:  netip.AddrPortFrom(netip.Addr{}, port),
			dump:   true,
		}
		if all, err = c.dump(all, &r); err != nil {
			return nil, fmt.Errorf("list listeners on port %d: %w", port, err)
		}
	}
	return all, nil
}

// dump adds the sockets that match r to all.
func (c *Conn) dump(all []Socket, r *request) ([]Socket, error) {
	if err := c.send(r.append(c.buf[:0], c.next())); err != nil {
		return nil, err
	}
	buf := make([]byte, 1<<16) // the kernel puts at most 32 KB into one datagram
	for done := false; !done; {
		b, err := c.receive(buf, time.Now().Add(timeout))
		if err != nil {
			return nil, err
		}
		if all, done, err = c.collect(all, b, r); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// collect adds the sockets of one datagram to all.
func (c *Conn) collect(all []Socket, b []byte, r *request) (_ []Socket, done bool, err error) {
	for len(b) > 0 {
		var m message
		if m, b, err = nextMessage(b); err != nil {
			return nil, false, err
		}
		switch {
		case m.seq != c.seq:
		case m.kind == typeDone, m.kind == typeError:
			if err := m.failure(); errors.Is(err, unix.ENOENT) {
				return nil, true, fmt.Errorf("kernel module tcp_diag: %w", errors.ErrUnsupported)
			} else if err != nil {
				return nil, true, err
			}
			return all, true, nil
		default:
			s, err := m.socket()
			if err != nil {
				return nil, false, err
			}
			if r.matches(&s) {
				all = append(all, s)
			}
		}
	}
	return all, false, nil
}
