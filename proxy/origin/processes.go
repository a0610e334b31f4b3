package origin

import (
	"container/list"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
)

// processesMax bounds the processes that are remembered.
const processesMax = 1024

// holder is a process that was found to hold sockets, as it was when its stamp and its setting were taken.
type holder struct {
	process *flow.Process
	stamp   procfs.Stamp
	setting procfs.Setting
	// alone is until when it is believed to hold its sockets alone.
	alone time.Time
	// forwarder is what it was told to be in a search.
	forwarder *flow.Forwarder
	asked     uint64
}

// processes remembers the holders that were found last, so that one process is one *flow.Process for all sessions as
// long as its stamp and its setting are the same.
type processes struct {
	order *list.List // of *holder, the one that was found last first
	byPID map[int]*list.Element
}

func newProcesses() *processes {
	return &processes{order: list.New(), byPID: make(map[int]*list.Element)}
}

// get is the process with a number, if it is still what it was; otherwise nil.
func (c *processes) get(pid int, stamp procfs.Stamp) *holder {
	if e, ok := c.byPID[pid]; ok && e.Value.(*holder).stamp == stamp {
		return e.Value.(*holder)
	}
	return nil
}

// alone says whether the process that had a number is believed to hold its sockets alone.
func (c *processes) alone(pid int, now time.Time) bool {
	e, ok := c.byPID[pid]
	return ok && now.Before(e.Value.(*holder).alone)
}

// found puts a process first.
func (c *processes) found(h *holder) {
	pid := h.process.PID
	if e, ok := c.byPID[pid]; ok {
		e.Value = h
		c.order.MoveToFront(e)
		return
	}
	c.byPID[pid] = c.order.PushFront(h)
	if c.order.Len() > processesMax {
		c.forget(c.order.Back().Value.(*holder).process.PID)
	}
}

// forget drops a process that is gone.
func (c *processes) forget(pid int) {
	if e, ok := c.byPID[pid]; ok {
		c.order.Remove(e)
		delete(c.byPID, pid)
	}
}

// recent adds the numbers of the n processes that were found last to pids.
func (c *processes) recent(pids []int, n int) []int {
	for e := c.order.Front(); e != nil && n > 0; e, n = e.Next(), n-1 {
		pids = append(pids, e.Value.(*holder).process.PID)
	}
	return pids
}

// among is the process as it is among holders, or else as it was itself.
func (h *holder) among(holders []*holder) *flow.Process {
	for _, other := range holders {
		if other.process.PID == h.process.PID && other.stamp.Began() == h.stamp.Began() {
			return other.process
		}
	}
	return h.process
}

// foremost is the holder that the others descend from; when there is none, the oldest.
func foremost(holders []*holder) *flow.Process {
	oldest := holders[0].process
	for _, h := range holders {
		p := h.process
		if descend(holders, p.PID) {
			return p
		}
		if p.Started.Before(oldest.Started) || p.Started.Equal(oldest.Started) && p.PID < oldest.PID {
			oldest = p
		}
	}
	return oldest
}

// descend says whether all but one descend from that one.
func descend(holders []*holder, from int) bool {
	for _, h := range holders {
		if h.process.PID != from && !isAncestor(h.process, from) {
			return false
		}
	}
	return true
}

func isAncestor(p *flow.Process, pid int) bool {
	for _, a := range p.Parents {
		if a.PID == pid {
			return true
		}
	}
	return false
}
