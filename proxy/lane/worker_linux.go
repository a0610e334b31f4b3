//go:build !portable

package lane

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Worker is one loop. Its methods are for the loop's own thread, except Post.
type Worker struct {
	loop     *Loop
	epoll    int
	epoch    time.Time // what the loop's moments count from
	mail     mailbox
	sessions atomic.Int64
	dealt    atomic.Int64 // sessions that are on their way here
	hold     bool         // see wait
	stopped  bool

	events    []unix.EpollEvent
	table     []*loopSession // by place
	free      []uint32       // places in it
	tag       uint32         // of the newest session
	listening map[int32]*Listening
	ready     []way // those that used up their budget
	served    []way // room for the next of these
	tasks     []Task
	timers    timers
	chunks    chunks
	pipes     pipes
	mirror    mirror
}

// batch is how many events are taken at once.
const batch = 256

func newWorker(l *Loop) (*Worker, error) {
	w := &Worker{loop: l, epoch: time.Now(), events: make([]unix.EpollEvent, batch), listening: map[int32]*Listening{}}
	var err error
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if err := w.mail.open(); err != nil {
		return nil, errors.Join(err, closeFD(w.epoll))
	}
	if err := epollAdd(w.epoll, w.mail.event, unix.EPOLLIN|unix.EPOLLET, int32(w.mail.event), 0); err != nil {
		return nil, errors.Join(fmt.Errorf("watch eventfd: %w", err), w.close())
	}
	return w, nil
}

// close is called when the loop has ended.
func (w *Worker) close() error {
	w.mail.close()
	w.mirror.close()
	w.pipes.close()
	if err := closeFD(w.epoll); err != nil {
		return fmt.Errorf("close epoll: %w", err)
	}
	return nil
}

// Post has t run on the loop soon; any goroutine may call it. After the lane's Close nothing is run any more.
func (w *Worker) Post(t Task) { w.post(t) }

func (w *Worker) post(t Task) bool {
	w.loop.ensure()
	return w.mail.post(t)
}

// Least is the loop that has the fewest sessions: w itself unless another has two fewer. To hand one over costs a
// wake-up, which is not worth it for the difference of one.
func (w *Worker) Least() *Worker {
	least, n := w, w.load()-1
	for _, other := range w.loop.workers {
		if m := other.load(); m < n {
			least, n = other, m
		}
	}
	return least
}

func (w *Worker) load() int64 { return w.sessions.Load() + w.dealt.Load() }

// Deal is Least for a session that will be started there, or not, in a while: it counts as one of that loop's until
// [Worker.Dealt].
func (w *Worker) Deal() *Worker {
	least := w.Least()
	least.dealt.Add(1)
	return least
}

// Dealt ends what Deal began.
func (w *Worker) Dealt() { w.dealt.Add(-1) }

// Start is Lane.Start on this loop.
func (w *Worker) Start(p Pair, done func(flow.Outcome)) Control {
	s := newLoopSession(w, p, done)
	s.Run(w)
	return s
}

// now is the moment, counted from the loop's epoch.
func (w *Worker) now() time.Duration { return time.Since(w.epoch) }

// watch has the events of both ends of s come to it.
func (w *Worker) watch(s *loopSession) error {
	w.tag = max(w.tag+1, 1) // 0 is nobody's
	s.tag = w.tag
	if last := len(w.free) - 1; last >= 0 {
		s.place, w.free = w.free[last], w.free[:last]
		w.table[s.place] = s
	} else {
		s.place = uint32(len(w.table))
		w.table = append(w.table, s)
	}
	for d, end := range s.ends {
		fd := int(end.fd.Load())
		if fd < 0 {
			return fmt.Errorf("watch socket: %w", unix.EBADF)
		}
		if err := epollAdd(w.epoll, fd, sessionEvents, int32(s.place)<<1|int32(d), s.tag); err != nil {
			return fmt.Errorf("watch socket: %w", err)
		}
	}
	return nil
}

// sessionEvents is all there is to know of a socket, told when it changes.
const sessionEvents = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLPRI | unix.EPOLLET

// forget has no more events come to s, whatever is left of the batch.
func (w *Worker) forget(s *loopSession) {
	if s.tag != 0 && w.table[s.place] == s {
		w.table[s.place] = nil
		w.free = append(w.free, s.place)
	}
}
