//go:build !portable

package lane

import (
	"io"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// inlet reads one socket into pooled buffers. While there is nothing to read it holds none.
type inlet struct {
	sock *Socket
	raw  syscall.RawConn
	pool *pool
	buf  *buffer
	n    int // of buf: how much is to be read, and then how much was
	err  error
	try  func(fd uintptr) bool // attempt, bound once: a method value allocates
}

func newInlet(s *Socket, p *pool) inlet {
	in := inlet{sock: s, pool: p}
	in.raw, in.err = s.waiter()
	return in
}

// next returns up to so many bytes, which are valid until the next call; the error is io.EOF at the end of the stream.
func (in *inlet) next(most int) ([]byte, error) {
	if in.raw == nil {
		return nil, in.err
	}
	if in.try == nil {
		in.try = in.attempt
	}
	in.n = most
	if err := in.raw.Read(in.try); err != nil {
		return nil, err
	}
	if in.err != nil {
		return nil, in.err
	}
	return in.buf[:in.n], nil
}

// attempt reads once and says whether there was something. It always tries before it waits: the poller tells only
// changes, and a FIN or an urgent mark may stand right behind a short read.
func (in *inlet) attempt(fd uintptr) bool {
	if in.buf == nil {
		in.buf = in.pool.get()
	}
	for {
		n, err := unix.Read(int(fd), in.buf[:in.n])
		switch err {
		case nil:
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			in.release()
			return false
		}
		if in.n, in.err = n, err; n == 0 && err == nil {
			in.err = io.EOF
		}
		return true
	}
}

// release gives the buffer back.
func (in *inlet) release() {
	if in.buf != nil {
		in.pool.put(in.buf)
		in.buf = nil
	}
}

// watch waits, after the end of the stream, until the connection is torn down, and returns that error; or the
// deadline's.
func (in *inlet) watch() error {
	var failure error
	err := in.raw.Read(func(fd uintptr) bool {
		failure = in.sock.failureOf(int(fd))
		return failure != nil
	})
	if err != nil {
		return err
	}
	return failure
}

// outlet writes to one socket.
type outlet struct {
	raw     syscall.RawConn
	written atomic.Uint64
	stalled func()      // called when the socket takes no more
	blocked atomic.Bool // since then
	rest    []byte
	err     error
	try     func(fd uintptr) bool
}

func (o *outlet) init(s *Socket, stalled func()) {
	o.stalled = stalled
	o.raw, o.err = s.waiter()
}

// write writes all of b.
func (o *outlet) write(b []byte) error {
	if o.raw == nil {
		return o.err
	}
	if o.try == nil {
		o.try = o.attempt
	}
	o.rest, o.err = b, nil
	err := o.raw.Write(o.try)
	o.rest = nil // even an empty rest would keep the buffer from being freed
	if o.blocked.Load() {
		o.blocked.Store(false)
	}
	if err != nil {
		return err
	}
	return o.err
}

func (o *outlet) attempt(fd uintptr) bool {
	for len(o.rest) > 0 {
		n, err := unix.Write(int(fd), o.rest)
		switch err {
		case nil:
			o.written.Add(uint64(n))
			o.rest = o.rest[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			o.blocked.Store(true)
			o.stalled()
			return false
		default:
			o.err = err
			return true
		}
	}
	return true
}
