package lanetest

import (
	"errors"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/lane"
)

// bulkUrgent has urgent bytes (MSG_OOB) stand in long streams. What the kernel gives ends in front of each, so that it
// looks as if there were nothing more, or, with FIN behind it, like the end of the stream.
func (k kit) bulkUrgent(t *testing.T) {
	if k.network.client == "unix" || portable {
		t.Skip("not promised by the portable sockets, and Unix sockets have no urgent bytes")
	}
	for range 4 {
		k.urgentStream(t)
	}
}

func (k kit) urgentStream(t *testing.T) {
	const piece, pieces, tail = 2 << 20, 3, 1000
	s := k.open(t, lane.Pair{})
	all := fromClient.bytes(pieces*piece + tail)
	var heard atomic.Uint64
	ended := make(chan error, 1)
	go func() { ended <- fromClient.drain(s.Backend, &heard) }()
	for i := range pieces {
		b := all[i*piece : (i+1)*piece]
		if _, err := s.Client.Write(b[:piece-1]); err != nil {
			t.Fatalf("write: %v", err)
		}
		urgent(t, s, b[piece-1:])
		if i < pieces-1 { // nothing comes behind it that would have the lane look again
			testkit.Wait(t, "the urgent byte", func() bool { return heard.Load() == uint64((i+1)*piece) }, Patience)
		}
	}
	if _, err := s.Client.Write(all[pieces*piece:]); err != nil {
		t.Fatalf("write: %v", err)
	}
	closeWrite(t, s.Client)
	if err := <-ended; err != nil || heard.Load() != uint64(len(all)) {
		t.Errorf("%d of %d bytes, then %v", heard.Load(), len(all), err)
	}
}

// urgent sends one urgent byte as soon as there is room.
func urgent(t *testing.T, s *session, b []byte) {
	t.Helper()
	for {
		var err error
		control(t, s.Client, func(fd int) { err = unix.Send(fd, b, unix.MSG_OOB) })
		if err == nil {
			return
		}
		if !errors.Is(err, unix.EAGAIN) {
			t.Fatalf("write an urgent byte: %v", err)
		}
		control(t, s.Client, func(fd int) {
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 100)
		})
	}
}
