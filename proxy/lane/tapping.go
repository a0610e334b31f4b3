package lane

import (
	"sync/atomic"

	"github.com/lodoor/lodoor/proxy/flow"
)

// tapping is the tap of a session of the copy lane.
type tapping struct {
	tap  Tap
	told [2]uint64   // by flow.Direction: how much of what was written the tap knows; its half's
	full [2]crowding // by flow.Direction
}

func newTapping(t Tap) *tapping {
	if t == nil {
		return nil
	}
	x := &tapping{tap: t}
	for i := range x.full {
		x.full[i].init()
	}
	return x
}

// crowding is a direction that waits, or may have to wait, until the tap has room for it.
type crowding struct {
	wake  func()
	woken chan struct{}
	waits atomic.Bool
	left  atomic.Bool // it waits no more: nothing more is to be read
}

func (c *crowding) init() {
	c.woken = make(chan struct{}, 1)
	c.wake = func() {
		select {
		case c.woken <- struct{}{}:
		default: // it is woken already
		}
	}
}

// leave has the direction, should it wait or come to it, read no more. Without a tap it never waits.
func (t *tapping) leave(d flow.Direction) {
	if t == nil {
		return
	}
	c := &t.full[d]
	c.left.Store(true)
	c.wake()
}

// waits says whether the direction is not read, since the tap has no room for it.
func (t *tapping) waits(d flow.Direction) bool { return t != nil && t.full[d].waits.Load() }

// room waits until the tap has room for what is read next. It answers whether the direction goes on.
func (h *half) room() bool {
	t := h.session.tapping
	if t == nil {
		return true
	}
	c := &t.full[h.dir]
	for !t.tap.Room(h.dir, c.wake) {
		h.in.release()
		c.waits.Store(true)
		h.session.blocked() // nobody reads the source meanwhile
		<-c.woken
		c.waits.Store(false)
		if c.left.Load() {
			return false
		}
	}
	return true
}
