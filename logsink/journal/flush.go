package journal

import "time"

const (
	// flushPasses bounds how long a Flush goes on writing what others add meanwhile.
	flushPasses = 8
	// slowWrite is what a write into the page cache never takes unless the device holds it up, or the scheduler.
	slowWrite = 10 * time.Millisecond
	// slowPause is how long no Flush writes after that.
	slowPause = time.Second
)

// Flush has what was added written. With durability process it writes itself, on the calling goroutine, and calls the
// records' callbacks there; when nothing was added it costs an atomic load. It never rotates, repairs, erases or syncs:
// when any of that is due, when somebody else is writing, or when the last write was slow, the records are left to
// Run's goroutine, or to the Flush that is under way. See docs/adr/0003-the-loop-writes-its-own-records.md.
//
// Callbacks may Add and Append; what they add is written before Flush returns, or by Run soon after.
func (j *Journal) Flush() {
	for range flushPasses {
		// Another Flush that is under way looks at added again after it has taken flushing back, and so finds what
		// was added before it was found to be under way.
		if !j.queue.added.Load() || !j.flushing.CompareAndSwap(false, true) {
			return
		}
		written := j.durability == DurabilityProcess && j.writer.visit()
		j.flushing.Store(false)
		if !written {
			break
		}
	}
	if j.queue.added.Load() {
		j.queue.rouse()
	}
}

// visit is a turn of the writer on the goroutine of somebody who has other things to do: one batch, and nothing else.
// It is false when there is more to do than that, or when another is at it.
func (w *writer) visit() bool {
	if !w.mu.TryLock() {
		return false
	}
	defer w.mu.Unlock()
	now := time.Now()
	if w.held == nil || w.broken != nil || w.full(now) || now.Before(w.avoid) {
		return false
	}
	items, ok := w.journal.queue.takeBatch(w.spare, batchRecords)
	if !ok {
		return false
	}
	w.write(items, now)
	w.journal.queue.written(items)
	clear(items)
	w.spare = items
	if w.broken != nil || w.full(now) {
		w.journal.queue.rouse()
	}
	return true
}
