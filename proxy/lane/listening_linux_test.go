//go:build !portable

package lane_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/lane"
	"github.com/lodoor/lodoor/proxy/lane/lanetest"
)

// listener is a nonblocking listening socket on a port of 127.0.0.1.
func listener(t *testing.T) (fd int, addr string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	fd = int(file.Fd())
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return fd, l.Addr().String()
}

// taker accepts and closes one connection a call.
type taker struct {
	fd    int
	taken atomic.Int64
}

func (a *taker) take(*lane.Worker) {
	fd, _, err := unix.Accept4(a.fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
	if err == nil {
		_ = unix.Close(fd)
		a.taken.Add(1)
	}
}

func (a *taker) wait(t *testing.T, n int64) {
	t.Helper()
	testkit.Wait(t, "the connections to be accepted", func() bool { return a.taken.Load() == n }, lanetest.Patience)
}

func connect(t *testing.T, addr string) {
	t.Helper()
	c, err := net.Dial("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
}

// TestListen accepts one connection a call: all that wait must be told.
func TestListen(t *testing.T) {
	for _, loops := range []int{1, 2} {
		l := loop(t, lane.LoopConfig{Loops: loops})
		fd, addr := listener(t)
		a := &taker{fd: fd}
		x, err := l.Listen(fd, a.take)
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			connect(t, addr)
		}
		a.wait(t, 50)
		x.Stop()
		x.Stop() // must do nothing
		connect(t, addr)
		barrier(l)
		if n := a.taken.Load(); n != 50 {
			t.Errorf("%d connections were accepted, one after Stop", n)
		}
		if x, err = l.Listen(fd, a.take); err != nil { // what waited meanwhile is told
			t.Fatal(err)
		}
		a.wait(t, 51)
		x.Stop()
		closeLane(t, l)
	}
}

// TestListenNothing has nothing to listen to.
func TestListenNothing(t *testing.T) {
	l := loop(t, lane.LoopConfig{Loops: 2})
	if x, err := l.Listen(-1, func(*lane.Worker) {}); err == nil {
		t.Errorf("a closed descriptor was taken: %v", x)
	}
	closeLane(t, l)
}

// TestPause pauses from ready itself, at the third of many connections.
func TestPause(t *testing.T) {
	l := loop(t, lane.LoopConfig{Loops: 1})
	fd, addr := listener(t)
	a := &taker{fd: fd}
	listening := make(chan *lane.Listening, 1)
	x, err := l.Listen(fd, func(on *lane.Worker) {
		a.take(on)
		if a.taken.Load() == 3 {
			x := <-listening
			x.Pause()
			listening <- x
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	listening <- x
	for range 10 {
		connect(t, addr)
	}
	a.wait(t, 3)
	barrier(l)
	if n := a.taken.Load(); n != 3 {
		t.Errorf("%d connections were accepted, want 3: it was paused", n)
	}
	x.Stop()
	x, err = l.Listen(fd, a.take)
	if err != nil {
		t.Fatal(err)
	}
	a.wait(t, 10)
	x.Stop()
	closeLane(t, l)
}

// TestStopWaits stops while ready runs.
func TestStopWaits(t *testing.T) {
	l := loop(t, lane.LoopConfig{Loops: 1})
	fd, addr := listener(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	var enter sync.Once
	var inside atomic.Bool
	x, err := l.Listen(fd, func(*lane.Worker) {
		inside.Store(true)
		enter.Do(func() { close(entered) })
		<-leave
		inside.Store(false)
	})
	if err != nil {
		t.Fatal(err)
	}
	connect(t, addr)
	<-entered
	go close(leave)
	x.Stop()
	if inside.Load() {
		t.Error("Stop returned while ready was running")
	}
	closeLane(t, l)
}

// task is a function on a loop.
type task func(on *lane.Worker)

func (f task) Run(on *lane.Worker) { f(on) }

// barrier waits for two turns of the loop that has the fewest sessions.
func barrier(l *lane.Loop) {
	for range 2 {
		passed := make(chan struct{})
		l.Least().Post(task(func(*lane.Worker) { close(passed) }))
		<-passed
	}
}
