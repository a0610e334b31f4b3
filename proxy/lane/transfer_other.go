//go:build !linux || portable

package lane

import "sync/atomic"

// inlet reads one socket into pooled buffers. Here it holds one as long as it waits.
type inlet struct {
	sock *Socket
	pool *pool
	buf  *buffer
}

// newInlet returns one whose caller asks before it waits: whether there is something to read cannot be told here.
func newInlet(s *Socket, p *pool, _ bool) inlet { return inlet{sock: s, pool: p} }

// next returns up to so many bytes, which are valid until the next call; the error is io.EOF at the end of the stream.
func (in *inlet) next(most int) ([]byte, error) {
	if in.buf == nil {
		in.buf = in.pool.get()
	}
	n, err := in.sock.Read(in.buf[:most])
	if n > 0 {
		return in.buf[:n], nil // an error that came with it comes again
	}
	return nil, err
}

// release gives the buffer back.
func (in *inlet) release() {
	if in.buf != nil {
		in.pool.put(in.buf)
		in.buf = nil
	}
}

// watch cannot notice here that a connection is torn down after its FIN; the next write will.
func (in *inlet) watch() error { return nil }

// outlet writes to one socket.
type outlet struct {
	sock    *Socket
	written atomic.Uint64
	stalled func()
	blocked atomic.Bool
}

func (o *outlet) init(s *Socket, stalled func()) { o.sock, o.stalled = s, stalled }

// write writes all of b.
func (o *outlet) write(b []byte) error {
	n, err := o.sock.Write(b)
	o.written.Add(uint64(n))
	return err
}
