package pcapng

import "github.com/lodoor/lodoor/proxy/flow"

// holding are the sessions that wait for a slow disk, when they are to wait rather than be recorded as lengths. The
// queue's lock guards it.
type holding struct {
	limit, queued int64 // payload that the writer has not written; at limit sessions wait
	waiting       map[*tap]struct{}
}

func newHolding(memory int64) holding {
	// The other half of the memory is for what is read before a session asks again.
	return holding{limit: memory / 2, waiting: map[*tap]struct{}{}}
}

// room says whether a direction may be read now, and otherwise calls wake when it may.
func (q *queue) room(t *tap, d flow.Direction, wake func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || t.cut || q.holding.queued < q.holding.limit {
		return true
	}
	t.waits[d] = wake
	q.holding.waiting[t] = struct{}{}
	return false
}

// handled tells that the writer is through with so many bytes, and has those go on who waited for that.
func (q *queue) handled(bytes int64) {
	q.mu.Lock()
	q.holding.queued -= bytes
	var woken []func()
	if q.holding.queued < q.holding.limit {
		woken = q.holding.all()
	}
	q.mu.Unlock()
	wake(woken)
}

// cut ends the recording of a session: nothing more of it is queued but its end, and it does not wait.
func (q *queue) cut(t *tap) {
	q.mu.Lock()
	t.cut = true
	woken := q.holding.leave(t)
	q.mu.Unlock()
	wake(woken)
}

// leave is who waits for a session, which waits no longer.
func (h *holding) leave(t *tap) (woken []func()) {
	if _, waits := h.waiting[t]; !waits {
		return nil
	}
	delete(h.waiting, t)
	for d, f := range t.waits {
		if f != nil {
			woken = append(woken, f)
		}
		t.waits[d] = nil
	}
	return woken
}

// all is who waits, and waits no longer.
func (h *holding) all() (woken []func()) {
	for t := range h.waiting {
		woken = append(woken, h.leave(t)...)
	}
	return woken
}

// wake is called without the lock: who is woken may ask at once.
func wake(all []func()) {
	for _, f := range all {
		f()
	}
}
