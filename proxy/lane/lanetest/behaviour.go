package lanetest

import (
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/lodoor/lodoor/proxy/lane"
)

// Behaviour is something that two ends of a connection see. What is seen says it in words, without figures that vary.
type Behaviour struct {
	// Name says what is done.
	Name string
	// Want is what must be seen through a lane over TCP.
	Want string
	// Note is what a person should know of it.
	Note string
	// Precise is set when the portable sockets cannot do it.
	Precise bool
	// See does it and says what was seen.
	See func(t testing.TB, e Ends) string
}

// Behaviours are those of a TCP connection.
func Behaviours() []Behaviour {
	return append([]Behaviour{
		{
			Name: "client sends FIN, 4 MiB come back afterwards",
			Want: "service: end of stream; client: all 4 MiB, then end of stream",
			See:  func(t testing.TB, e Ends) string { return lateAnswer(t, e.Client, e.Backend, "client", "service") },
		},
		{
			Name: "service sends FIN, the client sends 4 MiB afterwards",
			Want: "client: end of stream; service: all 4 MiB, then end of stream",
			See:  func(t testing.TB, e Ends) string { return lateAnswer(t, e.Backend, e.Client, "service", "client") },
		},
		{
			Name: "client resets",
			Want: "service: connection reset",
			See:  func(_ testing.TB, e Ends) string { return resetSeen(e.Client, e.Backend, "service") },
		},
		{
			Name: "service resets",
			Want: "client: connection reset",
			See:  func(_ testing.TB, e Ends) string { return resetSeen(e.Backend, e.Client, "client") },
		},
		{
			Name: "service closes with a request unread",
			Want: "client: connection reset",
			Note: "the kernel resets a connection that is closed with bytes unread; the lane has read them and passes the reset",
			See:  closeUnread,
		},
		{
			Name: "service answers, then resets, before the client reads",
			Want: "client: the whole answer, then connection reset",
			Note: "what was read before a reset is delivered before it",
			See: func(t testing.TB, e Ends) string {
				return answerThenReset(t, e.Backend, e.Client, "client: the whole answer")
			},
		},
		{
			Name: "client sends a request, then resets, before the service reads",
			Want: "service: the whole request, then connection reset",
			Note: "what was read before a reset is delivered before it",
			See: func(t testing.TB, e Ends) string {
				return answerThenReset(t, e.Client, e.Backend, "service: the whole request")
			},
		},
		{
			Name: "client closes, the service goes on sending",
			Want: "service: end of stream, then its writes fail",
			See:  closedReceiver,
		},
		{
			Name: "service does not read",
			Want: "client: stopped; nothing lost when the service reads again",
			Note: "the two connections' kernel buffers, and one buffer of lodoor's for each direction, are all that fills",
			See:  stopped,
		},
		{
			Name: "service asks for its peer's address",
			Want: "another address than the client's",
			Note: "the service sees lodoor; the close record has the port, to find a session in the service's own log",
			See:  peerAddress,
		},
	}, preciseBehaviours()...)
}

// behaviours holds the lane to all of them.
func (k kit) behaviours(t *testing.T) {
	if !k.network.resets() {
		k.unixBehaviours(t)
		return
	}
	for _, b := range Behaviours() {
		t.Run(b.Name, func(t *testing.T) {
			if b.Precise && portable {
				t.Skip("not promised by the portable sockets")
			}
			if got := b.See(t, k.open(t, lane.Pair{}).Ends); got != b.Want {
				t.Errorf("saw %q\nwant %q", got, b.Want)
			}
		})
	}
}

// unixBehaviours are those that Unix sockets have too.
func (k kit) unixBehaviours(t *testing.T) {
	for _, b := range Behaviours()[:2] {
		t.Run(b.Name, func(t *testing.T) {
			if got := b.See(t, k.open(t, lane.Pair{}).Ends); got != b.Want {
				t.Errorf("saw %q\nwant %q", got, b.Want)
			}
		})
	}
	t.Run("client is gone", func(t *testing.T) {
		e := k.open(t, lane.Pair{}).Ends
		fromClient.send(t, e.Client, 1000)
		fromClient.expect(t, e.Backend, 1000)
		reset(e.Client)
		if _, err := fromClient.rest(e.Backend); err != nil {
			t.Errorf("service: %v, want the end of the stream", err)
		}
	})
}

const late = 4 << 20

// lateAnswer has first say something and send FIN; second answers with megabytes only when it has seen that.
func lateAnswer(t testing.TB, first, second net.Conn, firstName, secondName string) string {
	fromClient.send(t, first, 1000)
	closeWrite(t, first)
	n, err := fromClient.rest(second)
	if n != 1000 {
		return fmt.Sprintf("%s: %d of 1000 bytes, then %v", secondName, n, err)
	}
	fromBackend.sendLate(t, second, late, closeWriteQuietly)
	m, lateErr := fromBackend.rest(first)
	if m != late {
		return fmt.Sprintf("%s: %s; %s: only a part, then %s", secondName, ended(err), firstName, ended(lateErr))
	}
	return fmt.Sprintf("%s: %s; %s: all 4 MiB, then %s", secondName, ended(err), firstName, ended(lateErr))
}

func closeWriteQuietly(c net.Conn) { _ = c.(interface{ CloseWrite() error }).CloseWrite() }

func resetSeen(by, other net.Conn, name string) string {
	reset(by)
	_, err := fromClient.rest(other)
	return name + ": " + ended(err)
}

func closeUnread(t testing.TB, e Ends) string {
	fromClient.send(t, e.Client, 1000)
	fromClient.expect(t, e.Backend, 500)
	_ = e.Backend.Close()
	_, err := fromBackend.rest(e.Client)
	return "client: " + ended(err)
}

func answerThenReset(t testing.TB, by, other net.Conn, all string) string {
	const answer = 48 << 10 // fits into the receive buffer that a direct connection starts with
	fromBackend.send(t, by, answer)
	acknowledged(t, by)
	reset(by)
	n, err := fromBackend.rest(other)
	if n != answer {
		return fmt.Sprintf("%d of %d bytes, then %s", n, answer, ended(err))
	}
	return all + ", then " + ended(err)
}

func closedReceiver(_ testing.TB, e Ends) string {
	_ = e.Client.Close()
	_, err := fromClient.rest(e.Backend)
	seen := "service: " + ended(err)
	for {
		if _, err := e.Backend.Write(make([]byte, 1000)); isReset(err) {
			return seen + ", then its writes fail"
		} else if err != nil {
			return seen + ", then " + err.Error()
		}
	}
}

func stopped(t testing.TB, e Ends) string {
	n := fillUp(t, e.Client, fromClient)
	if n >= unbounded {
		return "client: not stopped"
	}
	read := make(chan string, 1)
	go func() {
		m, err := fromClient.rest(io.LimitReader(e.Backend, int64(n)))
		if m != uint64(n) {
			read <- fmt.Sprintf("%d of %d bytes, then %v", m, n, err)
			return
		}
		read <- "nothing lost when the service reads again"
	}()
	return "client: stopped; " + <-read
}

func peerAddress(_ testing.TB, e Ends) string {
	if e.Backend.RemoteAddr().String() == e.Client.LocalAddr().String() {
		return "the client's"
	}
	return "another address than the client's"
}
