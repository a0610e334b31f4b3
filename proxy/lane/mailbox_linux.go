//go:build !portable

package lane

import (
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Task is something to be done on a loop. Run must not block.
type Task interface{ Run(on *Worker) }

// mailbox takes tasks from any goroutine to a loop, in order, and wakes it when it sleeps.
type mailbox struct {
	event    int         // eventfd; the loop watches its edges and never reads it
	sleeping atomic.Bool // the loop waits, or is about to: who posts must wake it
	waiting  atomic.Bool // there are tasks

	mu     sync.Mutex
	tasks  []Task
	closed bool
}

func (m *mailbox) open() error {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	m.event = fd
	return nil
}

// post says whether t will run: not when the loop has ended.
func (m *mailbox) post(t Task) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.tasks = append(m.tasks, t)
	m.waiting.Store(true)
	if m.sleeping.CompareAndSwap(true, false) {
		wake(m.event) // under the lock, so that the descriptor is still ours
	}
	return true
}

// sleep says that the loop is about to wait, unless there are tasks.
func (m *mailbox) sleep() bool {
	m.sleeping.Store(true)
	if m.waiting.Load() { // who posted before that did not wake anybody
		m.sleeping.Store(false)
		return false
	}
	return true
}

// awake says that the loop no longer waits.
func (m *mailbox) awake() { m.sleeping.Store(false) }

// take returns the tasks and keeps old, an earlier answer, for those to come.
func (m *mailbox) take(old []Task) []Task {
	if !m.waiting.Load() {
		return nil
	}
	clear(old)
	m.mu.Lock()
	defer m.mu.Unlock()
	tasks := m.tasks
	m.tasks = old[:0]
	m.waiting.Store(false)
	return tasks
}

// close takes no more and closes the descriptor. It returns what was not taken.
func (m *mailbox) close() []Task {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	_ = closeFD(m.event)
	return m.tasks
}
