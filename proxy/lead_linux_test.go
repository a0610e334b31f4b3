package proxy

import (
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// witnesses identifies peers by pipes: the lead has one end, and what is done with it shows at the other.
type witnesses struct {
	localPeers
	other chan *os.File
}

func (w witnesses) Identify(s *lane.Socket) (flow.Peer, flow.Origin, flow.Lead) {
	p, o, _ := w.localPeers.Identify(s)
	var fds [2]int
	_ = unix.Pipe2(fds[:], unix.O_CLOEXEC)
	w.other <- os.NewFile(uintptr(fds[0]), "witness")
	return p, o, flow.Lead{PIDFD: fds[1]}
}

// look is the other end of the pipe of the only peer.
func (w witnesses) look() *os.File {
	f := <-w.other
	w.other <- f
	return f
}

func (w witnesses) expectClosed(t *testing.T) {
	t.Helper()
	f := <-w.other
	defer f.Close()
	if err := unix.SetNonblock(int(f.Fd()), true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a lead's descriptor is closed", func() bool {
		n, err := unix.Read(int(f.Fd()), make([]byte, 1))
		return n == 0 && err == nil
	})
}

// A lead that nobody follows is given up, however the session goes on.
func TestLeadsAreGivenUp(t *testing.T) { onEachLane(t, testLeadsAreGivenUp) }

func testLeadsAreGivenUp(t *testing.T, open opener) {
	for name, c := range map[string]Config{
		"nobody looks": {},
		"refused":      {Rules: denyAll(), Resolver: &answers{}},
		"refused late": {Rules: needy{}},
		"no header":    {Services: []Service{{Header: hello{time.Millisecond}}}, Resolver: &answers{}},
	} {
		t.Run(name, func(t *testing.T) {
			b, port, w := newBackend(t, "127.0.0.1:0"), freePort(t), witnesses{other: make(chan *os.File, 1)}
			if c.Services == nil {
				c.Services = make([]Service, 1)
			}
			s := &c.Services[0]
			s.Name, s.Fronts, s.Backend = "echo", []flow.Endpoint{at("127.0.0.1", port)}, b.endpoint()
			c.Identify = w
			open(t, c)
			if client, err := net.Dial("tcp", s.Fronts[0].String()); err == nil {
				defer client.Close()
			}
			w.expectClosed(t)
		})
	}
}

// So is that of a client who is told that there are no descriptors.
func TestLeadOfAClientThatIsShed(t *testing.T) {
	front, w := at("127.0.0.1", freePort(t)), witnesses{other: make(chan *os.File, 1)}
	s, err := New(Config{
		Lane: noLane{}, Identify: w, Rules: allowAll(), Log: newMemoryLog(),
		Services: []Service{{Name: "echo", Fronts: []flow.Endpoint{front}, Backend: front}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Abandon)
	c := dial(t, front)
	for _, l := range s.listeners {
		s.shed(l, backoffMost, unix.EMFILE)
	}
	expectReset(t, c)
	w.expectClosed(t)
}
