package export

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
)

const (
	// maxKept is how much of what was written last is kept: what the buffer of a receiver's socket may hold without
	// the receiver having read it.
	maxKept = 4 << 20
	// Pauses between looks at whether everything was acknowledged.
	firstLook, longestLook = time.Millisecond, 50 * time.Millisecond
)

var errClosed = errors.New("the server closed the connection")

// stream is a connection to a server, which is not expected to say anything.
type stream struct {
	conn net.Conn
	tcp  *net.TCPConn
	gone chan struct{} // closed when the server has closed it, or it failed
	err  error         // once gone is closed: why; nil when the server closed it in order
}

func dial(ctx context.Context, address string, config *tls.Config) (*stream, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s := &stream{conn: conn, tcp: conn.(*net.TCPConn), gone: make(chan struct{})}
	if config != nil {
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close() // the first error is the one to tell
			return nil, fmt.Errorf("TLS: %w", err)
		}
		s.conn = secure
	}
	go s.watch()
	return s, nil
}

// watch waits for the end of the connection. A kernel that closes a socket with unread bytes in it resets the
// connection (RFC 9293, section 3.6.1; tcp(7) of Linux does): so an end in order says that everything was read.
func (s *stream) watch() {
	defer close(s.gone)
	_, s.err = io.Copy(io.Discard, s.conn)
}

// over says whether the connection has ended.
func (s *stream) over() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

func (s *stream) close() {
	_ = s.conn.Close() // nothing can be done about it
	<-s.gone
}

// window is what was written to a stream last, in batches.
type window struct {
	batches [][]byte
	size    int
}

func (w *window) push(batch []byte) {
	w.batches, w.size = append(w.batches, batch), w.size+len(batch)
	for w.size > maxKept && len(w.batches) > 1 {
		w.size -= len(w.batches[0])
		w.batches = w.batches[1:]
	}
}

// hangUp ends the connection. What was written last is forgotten when the server had read it all.
func (s *Syslog) hangUp() {
	if s.stream == nil {
		return
	}
	if s.stream.over() && s.stream.err == nil {
		s.kept = window{}
	}
	s.stream.close()
	s.stream = nil
}

func (s *Syslog) deliverStream(ctx context.Context, entries []journal.Entry) (int, error) {
	if err := s.connect(ctx); err != nil {
		return 0, err
	}
	batch := s.frame(entries)
	if err := s.write(ctx, batch); err != nil {
		s.hangUp()
		return 0, err
	}
	s.kept.push(batch)
	return len(entries), nil
}

// connect begins a connection where there is none, with what the one before may have lost.
func (s *Syslog) connect(ctx context.Context) error {
	if s.stream != nil && s.stream.over() {
		s.hangUp()
	}
	if s.stream != nil {
		return nil
	}
	link, err := dial(ctx, s.address.address, s.tls)
	if err != nil {
		return err
	}
	s.stream = link
	for _, batch := range s.kept.batches {
		if err := s.write(ctx, batch); err != nil {
			s.hangUp()
			return err
		}
	}
	return nil
}

// frame makes one text of the entries' messages.
func (s *Syslog) frame(entries []journal.Entry) []byte {
	var batch []byte
	for i := range entries {
		line := s.message(&entries[i])
		if !s.newline {
			batch = strconv.AppendInt(batch, int64(len(line)), 10)
			batch = append(batch, ' ')
		}
		batch = append(batch, line...)
		if s.newline {
			batch = append(batch, '\n')
		}
	}
	return batch
}

// write is done when the server's kernel has everything, as far as this system can tell.
func (s *Syslog) write(ctx context.Context, batch []byte) error {
	link := s.stream
	defer obey(ctx, link.conn)()
	if _, err := link.conn.Write(batch); err != nil {
		return err
	}
	for pause := firstLook; ; pause = min(2*pause, longestLook) {
		if link.over() {
			return errors.Join(errClosed, link.err)
		}
		left, err := unacknowledged(link.tcp)
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-time.After(pause):
		case <-link.gone:
		case <-ctx.Done():
			return fmt.Errorf("%d bytes were not acknowledged: %w", left, ctx.Err())
		}
	}
}
