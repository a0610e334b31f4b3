//go:build !portable

package lane

import (
	"errors"
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
	n    int32 // of buf: how much is to be read, and then how much was
	asks bool  // after it has waited it reads nothing yet
	held bool  // it has waited, and is to read nothing yet
	err  error
	try  func(fd uintptr) bool // attempt, bound once: a method value allocates
}

// newInlet returns one that, if it asks, has its caller ask again after it had to wait.
func newInlet(s *Socket, p *pool, asks bool) inlet {
	in := inlet{sock: s, pool: p, asks: asks}
	in.raw, in.err = s.waiter()
	return in
}

// next returns up to so many bytes, which are valid until the next call; the error is io.EOF at the end of the stream.
// One that asks returns none, without an error, when there is something to read and it had to wait for that.
func (in *inlet) next(most int) ([]byte, error) {
	if in.raw == nil {
		return nil, in.err
	}
	if in.try == nil {
		in.try = in.attempt
	}
	in.n = int32(most)
	if err := in.raw.Read(in.try); err != nil {
		return nil, err
	}
	if in.err != nil {
		return nil, in.err
	}
	if in.n == 0 {
		return nil, nil // and there is no buffer
	}
	return in.buf[:in.n], nil
}

// attempt reads once and says whether there was something. It always tries before it waits: the poller tells only
// changes, and a FIN or an urgent mark may stand right behind a short read.
func (in *inlet) attempt(fd uintptr) bool {
	if in.held {
		in.held, in.n = false, 0
		return true
	}
	if in.buf == nil {
		in.buf = in.pool.get()
	}
	for {
		n, err := unix.Read(int(fd), in.buf[:in.n])
		switch {
		case err == nil:
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			in.release()
			in.held = in.asks
			return false
		}
		if in.n, in.err = int32(n), err; n == 0 && err == nil {
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

// writeNow writes all of b at once, or fails.
func (s *Socket) writeNow(b []byte) error {
	err := error(unix.EINTR)
	for errors.Is(err, unix.EINTR) {
		cerr := s.Control(func(fd uintptr) {
			n, errno := send(int(fd), b)
			switch err = failed(errno); {
			case errno == unix.EAGAIN, errno == 0 && n < len(b):
				err = errUntaken
			}
		})
		if cerr != nil {
			return cerr
		}
	}
	return err
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
