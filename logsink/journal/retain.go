package journal

import (
	"fmt"
	"os"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// maintain does what is due without anything being appended, and says when it is next.
func (w *writer) maintain(now time.Time) time.Duration {
	if w.broken != nil {
		return max(w.retryAt.Sub(now), time.Millisecond)
	}
	lost := w.journal.queue.losses()
	if lost.count > 0 && !now.Before(w.gapAt) {
		w.tellGap(now, lost)
	}
	if !now.Before(w.retainAt) {
		w.retain(now)
	}
	next := w.retainAt
	if w.journal.queue.losses().count > 0 && w.gapAt.Before(next) {
		next = w.gapAt
	}
	return max(next.Sub(now), time.Millisecond)
}

func (w *writer) tellGap(now time.Time, lost losses) {
	w.gapAt = now.Add(gapPause)
	w.own(now, gap(now, lost))
	if w.broken == nil {
		w.journal.queue.told(lost)
	}
}

func (w *writer) rotateIfFull(now time.Time) {
	if w.broken == nil && w.full(now) {
		w.rotate(now)
	}
}

// full says whether the current segment has to be ended.
func (w *writer) full(now time.Time) bool {
	return w.current.size >= int64(w.settings.RotateSize) && !now.Before(w.rotateAt)
}

// rotate ends the current segment and begins the next one. When that one cannot be begun the current one goes on.
func (w *writer) rotate(now time.Time) {
	ended, old := w.current, w.file
	if err := w.begin(w.segmentAt()); err != nil {
		w.rotateAt = now.Add(gapPause)
		w.report(err)
		return
	}
	_ = old.Close() // each batch has reported its own errors
	ended.mod = now
	w.finished = append(w.finished, ended)
	w.own(now, w.begun(now, flow.EventJournalRotated))
	w.retain(now)
}

// retain erases the oldest segments while there are too many bytes, while they are too old, and while the file system
// has too little space. The current one always stays.
func (w *writer) retain(now time.Time) {
	w.retainAt = now.Add(retainPause)
	for w.broken == nil && len(w.finished) > 0 {
		reason := w.excess(now)
		if reason == "" {
			break
		}
		w.prune(now, reason)
	}
	w.checkSpace()
}

// excess says why the oldest segment has to go, or nothing.
func (w *writer) excess(now time.Time) string {
	total := flow.Size(w.current.size)
	for i := range w.finished {
		total += flow.Size(w.finished[i].size)
	}
	free, err := w.free()
	switch age := now.Sub(w.finished[0].mod); {
	case total > w.settings.MaxSize:
		return fmt.Sprintf("the journal has %s, at most %s are kept", total.Human(), w.settings.MaxSize.Human())
	case age > w.settings.MaxAge:
		return fmt.Sprintf("last written %s ago, kept for %s", age.Round(time.Second), w.settings.MaxAge)
	case err == nil && free < w.settings.KeepFree:
		return fmt.Sprintf("the file system has %s free, %s are to stay so", free.Human(),
			w.settings.KeepFree.Human())
	default:
		return ""
	}
}

func (w *writer) free() (flow.Size, error) {
	free, _, err := diskSpace(w.dir)
	return flow.Size(min(free, 1<<62)), err
}

// prune records that the oldest segment goes, and then erases it: a crash in between leaves a file too many, which is
// erased later, and never a hole that nothing accounts for.
func (w *writer) prune(now time.Time, reason string) {
	w.own(now, w.pruned(now, reason))
	if w.broken == nil {
		w.erase(now)
	}
}

// pruned tells the numbers of the oldest segment, and the chain's value at its end, which the first record of the
// segment behind it says.
func (w *writer) pruned(now time.Time, reason string) flow.Record {
	oldest, behind := &w.finished[0], &w.current
	if len(w.finished) > 1 {
		behind = &w.finished[1]
	}
	j := &flow.Journal{
		Segment: oldest.name(), First: oldest.first, Last: behind.first - 1, Reason: reason,
		Bytes: uint64(oldest.size),
	}
	if first, err := firstEntry(behind.path); err == nil {
		if p, ok := before(first); ok {
			j.Head = p.chain.String()
		}
	} else if j.Last == w.at.seq {
		j.Head = w.at.chain.String()
	}
	return flow.Record{Time: now, Event: flow.EventJournalPruned, Journal: j}
}

func (w *writer) erase(now time.Time) {
	if err := os.Remove(w.finished[0].path); err != nil && !os.IsNotExist(err) {
		w.report(fmt.Errorf("erase journal segment: %w", err))
		w.retainAt = now.Add(retainPause)
	}
	w.finished = w.finished[1:]
}

// eraseForSpace erases the oldest segments while the file system is short of space and nothing can be written: the
// records of it come with the first batch that can. At least one finished segment stays, since its end is where the
// next one is tied to.
func (w *writer) eraseForSpace(now time.Time) {
	for len(w.finished) > 1 {
		free, err := w.free()
		if err != nil || free >= w.settings.KeepFree {
			return
		}
		w.erased = append(w.erased, w.pruned(now, "the file system is full"))
		w.erase(now)
	}
}

// checkSpace tells trouble once when the space is short and nothing is left to erase.
func (w *writer) checkSpace() {
	free, err := w.free()
	short := err == nil && free < w.settings.KeepFree
	if short && !w.short {
		w.report(fmt.Errorf("journal %s: only %s are free on its file system, %s are to stay so, and nothing is left "+
			"to erase", w.dir, free.Human(), w.settings.KeepFree.Human()))
	}
	w.short = short
}
