package journal

import "time"

// maintain does what is due without anything being appended, and says when it is next.
func (w *writer) maintain(now time.Time) time.Duration {
	if w.broken == nil {
		w.doDue(now)
	}
	w.mend()
	if w.broken != nil {
		return max(w.retryAt.Sub(now), time.Millisecond)
	}
	next := w.retainAt
	sooner := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	if w.journal.queue.losses().count > 0 {
		sooner(w.gapAt)
	}
	if w.thrift != nil {
		sooner(w.thriftAt)
	} else if !w.refused.dueAt.IsZero() {
		sooner(w.refused.dueAt)
	}
	if due := w.began.Add(w.settings.RotateAge); w.at.seq > w.current.first && due.Before(w.rotateAt) {
		sooner(w.rotateAt)
	} else if w.at.seq > w.current.first {
		sooner(due)
	}
	return max(next.Sub(now), time.Millisecond)
}

func (w *writer) doDue(now time.Time) {
	if w.thrift != nil && !now.Before(w.thriftAt) {
		w.thriftAt = now.Add(retryPause)
		w.restock()
	}
	if lost := w.journal.queue.losses(); lost.count > 0 && !now.Before(w.gapAt) {
		w.tellGap(now, lost)
	}
	if due := w.refused.dueAt; w.broken == nil && w.thrift == nil && !due.IsZero() && !now.Before(due) {
		w.tellRefusals(now)
	}
	w.rotateIfFull(now)
	if w.broken == nil && !now.Before(w.retainAt) {
		w.retain(now)
	}
}

func (w *writer) tellGap(now time.Time, lost losses) {
	w.gapAt = w.nextGap(now)
	w.own(now, gap(now, lost))
	if w.broken == nil {
		w.journal.queue.told(lost)
	}
}

// nextGap is when the next journal.gap may be written: in thrift the space has to last.
func (w *writer) nextGap(now time.Time) time.Time {
	if w.thrift != nil {
		return now.Add(thriftGapPause)
	}
	return now.Add(gapPause)
}
