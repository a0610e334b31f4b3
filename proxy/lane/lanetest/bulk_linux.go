package lanetest

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/lane"
)

// bulkUrgent has urgent bytes (MSG_OOB) stand in a long stream. The kernel ends what is read in front of each, so that
// it looks like the end of what has come, or of the stream.
func (k kit) bulkUrgent(t *testing.T) {
	if k.network.client == "unix" || portable {
		t.Skip("not promised by the portable sockets, and Unix sockets have no urgent bytes")
	}
	s := k.open(t, lane.Pair{})
	const n, every = 24 << 20, 1<<20 + 1
	go func() {
		defer closeWriteQuietly(s.Client)
		b := fromClient.bytes(n)
		for at := 0; at < n; at += every {
			piece := b[at:min(at+every, n)]
			if _, err := s.Client.Write(piece[:len(piece)-1]); err != nil {
				t.Errorf("write: %v", err)
				return
			}
			if err := urgent(t, s, piece[len(piece)-1:]); err != nil {
				t.Errorf("write an urgent byte: %v", err)
				return
			}
		}
	}()
	if m, err := fromClient.rest(s.Backend); m != n || err != nil {
		t.Errorf("%d of %d bytes, then %s", m, n, ended(err))
	}
}

// urgent sends one urgent byte as soon as there is room.
func urgent(t *testing.T, s *session, b []byte) error {
	for {
		var err error
		control(t, s.Client, func(fd int) { err = unix.Send(fd, b, unix.MSG_OOB) })
		if !errors.Is(err, unix.EAGAIN) {
			return err
		}
		var p []unix.PollFd
		control(t, s.Client, func(fd int) { p = []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}} })
		_, _ = unix.Poll(p, 100)
	}
}
