package journal

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

func (w *writer) rotateIfFull(now time.Time) {
	if w.broken == nil && w.full(now) {
		w.rotate(now)
	}
}

// full says whether the current segment has to be ended: by its size, or by its age when there is more in it than the
// record that begins it.
func (w *writer) full(now time.Time) bool {
	return !now.Before(w.rotateAt) && (w.current.size >= int64(w.settings.RotateSize) ||
		w.at.seq > w.current.first && now.Sub(w.began) >= w.settings.RotateAge)
}

// rotate ends the current segment and begins the next one. When that one cannot be begun the current one goes on.
func (w *writer) rotate(now time.Time) {
	if w.thrift == nil {
		w.tellRefusals(now)
	}
	if w.broken != nil {
		return
	}
	ended, old := w.current, w.file
	if err := w.begin(w.segmentAt()); err != nil {
		w.rotateAt = now.Add(gapPause)
		w.report(typed(err))
		return
	}
	_ = old.Close() // each batch has reported its own errors
	ended.mod = now
	w.finished = append(w.finished, ended)
	w.own(now, w.begun(now, flow.EventJournalRotated))
	w.retain(now)
}
