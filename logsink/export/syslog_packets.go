package export

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
)

// packets sends datagrams. The zero packets has no socket.
type packets struct{ conn net.Conn }

func (p *packets) close() {
	if p.conn != nil {
		_ = p.conn.Close() // nothing can be done about it
		p.conn = nil
	}
}

// deliverPackets sends a datagram for each entry. A Unix socket holds us up while its reader is slow; UDP does not.
func (s *Syslog) deliverPackets(ctx context.Context, entries []journal.Entry) (int, error) {
	p := &s.packets
	if p.conn == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, s.address.network, s.address.address)
		if err != nil {
			return 0, err
		}
		p.conn = conn
	}
	defer obey(ctx, p.conn)()
	for i := range entries {
		_, err := p.conn.Write(s.message(&entries[i]))
		if errors.Is(err, syscall.EMSGSIZE) { // more than this way takes, whatever max_message says
			s.omit(&entries[i])
			_, err = p.conn.Write(s.format.omitted(&entries[i]))
		}
		if err != nil {
			p.close()
			return i, err
		}
	}
	return len(entries), nil
}

// obey makes writes fail when ctx ends, until the function that it returns was called.
func obey(ctx context.Context, conn net.Conn) (release func()) {
	_ = conn.SetWriteDeadline(time.Time{}) // a socket that is closed says so when it is written to
	stop := context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}
