//go:build linux

package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Short are connections that send one small message to an echo service, read the answer and close.
type Short struct {
	// Port of 127.0.0.1.
	Port int
	// Workers are the connections that are open at once; 1 makes one after the other.
	Workers int
	// Count is how many connections are made; 0 is as many as there is time for.
	Count int
	// For is how long they are made when Count is 0.
	For time.Duration
}

// Made is what became of short connections.
type Made struct {
	Elapsed time.Duration
	// Latencies are the seconds from the call of connect to the answer, one for each connection, in the order of the
	// answers.
	Latencies []float64
}

// worker is one connection on its way.
type worker struct {
	fd     int
	source byte
	began  time.Time
	sent   bool
}

type shortRun struct {
	Short
	epoll     int
	workers   map[int]*worker // by their sockets
	started   int
	began     time.Time
	latencies []float64
	buffer    [64]byte
}

// message is what is sent and comes back.
const message = "a small message"

// Run makes the connections from one goroutine. The first that fails ends it: a door that loses a connection has no
// rate.
func (s Short) Run(ctx context.Context) (Made, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return Made{}, os.NewSyscallError("epoll_create1", err)
	}
	r := &shortRun{Short: s, epoll: epoll, workers: make(map[int]*worker), began: time.Now()}
	defer r.free()
	for i := range s.Workers {
		if r.finished() {
			break
		}
		if err := r.next(byte(2 + i%200)); err != nil {
			return Made{}, err
		}
	}
	if err := r.loop(ctx); err != nil {
		return Made{}, fmt.Errorf("short connection %d: %w", len(r.latencies)+1, err)
	}
	return Made{time.Since(r.began), r.latencies}, nil
}

func (r *shortRun) free() {
	for fd := range r.workers {
		_ = unix.Close(fd)
	}
	_ = unix.Close(r.epoll)
}

// finished says that no further connection is to be made.
func (r *shortRun) finished() bool {
	if r.Count > 0 {
		return r.started >= r.Count
	}
	return time.Since(r.began) >= r.For
}

// next begins a connection. On loopback it is nearly always there at once, and takes the message.
func (r *shortRun) next(source byte) error {
	w := &worker{source: source, began: time.Now()}
	var err error
	if w.fd, err = connect(source, r.Port, unix.SOCK_NONBLOCK); err != nil {
		return err
	}
	r.started++
	r.workers[w.fd] = w
	events := uint32(unix.EPOLLIN)
	switch err := w.send(); {
	case err == nil:
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOTCONN):
		events |= unix.EPOLLOUT
	default:
		return os.NewSyscallError("write", err)
	}
	return watch(r.epoll, w.fd, events)
}

func (w *worker) send() error {
	_, err := unix.Write(w.fd, []byte(message))
	w.sent = err == nil
	return err
}

func (r *shortRun) loop(ctx context.Context) error {
	events := make([]unix.EpollEvent, 64)
	moved := time.Now()
	for len(r.workers) > 0 {
		n, err := unix.EpollWait(r.epoll, events, 100)
		if err != nil && err != unix.EINTR {
			return os.NewSyscallError("epoll_wait", err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, event := range events[:max(n, 0)] {
			if err := r.turn(r.workers[int(event.Fd)]); err != nil {
				return err
			}
			moved = time.Now()
		}
		if time.Since(moved) > patience {
			return fmt.Errorf("no answer within %v", patience)
		}
	}
	return nil
}

// turn goes on with a connection that is ready for something.
func (r *shortRun) turn(w *worker) error {
	if !w.sent {
		if err := w.send(); err != nil {
			return os.NewSyscallError("write", err)
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(w.fd)}
		return os.NewSyscallError("epoll_ctl", unix.EpollCtl(r.epoll, unix.EPOLL_CTL_MOD, w.fd, &event))
	}
	n, err := unix.Read(w.fd, r.buffer[:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return nil
	case err != nil:
		return os.NewSyscallError("read", err)
	case n == 0:
		return errors.New("it ended without an answer")
	case n != len(message): // so small a message is never parted on loopback
		return fmt.Errorf("%d bytes came back of %d", n, len(message))
	}
	r.latencies = append(r.latencies, time.Since(w.began).Seconds())
	delete(r.workers, w.fd)
	_ = unix.Close(w.fd)
	if r.finished() {
		return nil
	}
	return r.next(w.source)
}
