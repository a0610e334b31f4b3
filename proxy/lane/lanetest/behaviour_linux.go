package lanetest

import (
	"io"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
)

// control calls f with the descriptor of c.
func control(t testing.TB, c net.Conn, f func(fd int)) {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { f(int(fd)) })
	}
	if err != nil {
		t.Fatalf("descriptor: %v", err)
	}
}

// acknowledged waits until the other end's kernel has all that was written to c.
func acknowledged(t testing.TB, c net.Conn) {
	t.Helper()
	testkit.Wait(t, "the bytes to be acknowledged", func() bool { return unacknowledged(t, c) == 0 }, Patience)
}

// unacknowledged is how much of what was written to c the other end's kernel does not have.
func unacknowledged(t testing.TB, c net.Conn) (n int) {
	t.Helper()
	control(t, c, func(fd int) {
		var err error
		if n, err = unix.IoctlGetInt(fd, unix.SIOCOUTQ); err != nil {
			t.Fatalf("send queue: %v", err)
		}
	})
	return n
}

// broken waits, without a read or a write, until the kernel says that c's connection is torn down, or until patience
// ends.
func broken(t testing.TB, c net.Conn) bool {
	t.Helper()
	torn := false
	testkit.Wait(t, "the connection to be torn down", func() bool {
		control(t, c, func(fd int) {
			p := []unix.PollFd{{Fd: int32(fd)}}
			_, _ = unix.Poll(p, 0)
			torn = p[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
		})
		return torn
	}, Patience)
	return torn
}

// preciseBehaviours are those that need more of a socket than Go's net package has.
func preciseBehaviours() []Behaviour {
	return []Behaviour{
		{
			Name: "client resets while the service does not read and all buffers are full", Precise: true,
			Want: "service: told of the reset without reading",
			Note: "lodoor notices at once (the copy lane looks ten times a second), and gives a receiver that takes nothing one second before it is reset",
			See: func(t testing.TB, e Ends) string {
				return resetWhileFull(t, e.Client, e.Backend, "service")
			},
		},
		{
			Name: "service resets while the client does not read and all buffers are full", Precise: true,
			Want: "client: told of the reset without reading",
			Note: "the same the other way",
			See: func(t testing.TB, e Ends) string {
				return resetWhileFull(t, e.Backend, e.Client, "client")
			},
		},
		{
			Name: "client sends FIN, later resets; the service says nothing", Precise: true,
			Want: "service: end of stream, later told of the reset without reading",
			See:  resetAfterFIN,
		},
		{
			Name: "client sends urgent bytes (MSG_OOB); the service reads in line", Precise: true,
			Want: "service: every byte in its place; the mark: gone",
			Note: "lodoor reads urgent bytes in line (SO_OOBINLINE) and sends them as ordinary ones",
			See:  urgentInline,
		},
		{
			Name: "client sends an urgent byte (MSG_OOB); the service reads it out of band", Precise: true,
			Want: "service: the urgent byte is in the stream, none out of band",
			Note: "the mark is not carried: a service that wants urgent bytes out of band finds them in line",
			See:  urgentOutOfBand,
		},
	}
}

func resetWhileFull(t testing.TB, by, other net.Conn, name string) string {
	fillUp(t, by, fromClient)
	reset(by)
	broken(t, other)
	return name + ": told of the reset without reading"
}

func resetAfterFIN(t testing.TB, e Ends) string {
	closeWrite(t, e.Client)
	_, err := fromClient.rest(e.Backend)
	reset(e.Client)
	broken(t, e.Backend)
	return "service: " + ended(err) + ", later told of the reset without reading"
}

func sendUrgent(t testing.TB, c net.Conn, b string) {
	t.Helper()
	var err error
	control(t, c, func(fd int) { err = unix.Send(fd, []byte(b), unix.MSG_OOB) })
	if err != nil {
		t.Fatalf("send urgent bytes: %v", err)
	}
}

func sendText(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatalf("send: %v", err)
	}
}

// urgentInline sends three urgent bytes with ordinary ones between them, the last at the very end.
func urgentInline(t testing.TB, e Ends) string {
	control(t, e.Backend, func(fd int) { _ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1) })
	sendText(t, e.Client, "one ")
	sendUrgent(t, e.Client, "!")
	sendText(t, e.Client, " two ")
	sendUrgent(t, e.Client, "??")
	closeWrite(t, e.Client)
	mark := marked(t, e.Backend)
	b, err := io.ReadAll(e.Backend)
	if string(b) != "one ! two ??" {
		return "service: " + string(b) + ", then " + ended(err)
	}
	return "service: every byte in its place; the mark: " + map[bool]string{true: "kept", false: "gone"}[mark]
}

// marked waits for FIN, behind which nothing comes, and says whether an urgent mark is among what is there.
func marked(t testing.TB, c net.Conn) bool {
	t.Helper()
	var seen int16
	testkit.Wait(t, "FIN to arrive", func() bool {
		control(t, c, func(fd int) {
			p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI | unix.POLLRDHUP}}
			_, _ = unix.Poll(p, 0)
			seen = p[0].Revents
		})
		return seen&unix.POLLRDHUP != 0
	}, Patience)
	return seen&unix.POLLPRI != 0
}

func urgentOutOfBand(t testing.TB, e Ends) string {
	sendText(t, e.Client, "ab")
	sendUrgent(t, e.Client, "!")
	sendText(t, e.Client, "cd")
	closeWrite(t, e.Client)
	marked(t, e.Backend)
	aside := ""
	control(t, e.Backend, func(fd int) {
		b := make([]byte, 1)
		if n, _, err := unix.Recvfrom(fd, b, unix.MSG_OOB|unix.MSG_DONTWAIT); err == nil {
			aside = string(b[:n])
		}
	})
	b, err := io.ReadAll(e.Backend)
	switch {
	case err == nil && aside == "!" && string(b) == "abcd":
		return "service: the urgent byte out of band, the rest in the stream"
	case err == nil && aside == "" && string(b) == "ab!cd":
		return "service: the urgent byte is in the stream, none out of band"
	default:
		return "service: " + string(b) + ", out of band " + aside + ", then " + ended(err)
	}
}
