package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// fail is what follows a write or a sync that did not succeed. Whether its bytes will survive is not known and cannot
// be found out by trying again, so none of them counts: every waiter is told, the records are taken off the segment,
// and a new one is begun.
//
// When it was for want of space the reserve is given up, and the next attempt is made at once.
func (w *writer) fail(items []item, err error, now time.Time) {
	w.broken = err
	w.retryAt = now.Add(retryPause)
	w.drop(items, err)
	full, known := errors.Is(err, ErrSpace), w.thrift != nil
	if full {
		w.economize(err, now)
	}
	if full && known {
		return // the reserve is used up; there is nothing new to tell
	}
	if full {
		w.retryAt = now
	}
	w.report(err)
}

// keptAlerts is how many alerts are kept while nothing can be written: the one that says so should be in the journal.
const keptAlerts = 64

// drop reports items lost. The closes of sessions that are open in the journal are kept, so that each of them is
// closed there; their number is bounded by the open sessions. So are the first alerts. Refusals are merged.
func (w *writer) drop(items []item, err error) {
	for i := range items {
		it := &items[i]
		if it.event == flow.EventSessionRefused && !it.own && w.refused.place(it.record) {
			it.fate = merged
			w.leave(it)
			continue
		}
		it.finish(flow.Identity{Journal: w.id}, err)
		if w.journal.queue.drop(it) || it.event == flow.EventAlert && w.keepsAlert() {
			w.kept = append(w.kept, *it)
			continue
		}
		w.losing = w.losing || !it.own
		w.journal.lose(it, err)
	}
}

func (w *writer) keepsAlert() bool {
	alerts := 0
	for i := range w.kept {
		if w.kept[i].event == flow.EventAlert {
			alerts++
		}
	}
	return alerts < keptAlerts
}

// report tells trouble.
func (w *writer) report(err error) {
	w.troubled = true
	w.lossTold = w.losing
	w.journal.stats.losing.Store(w.losing)
	w.journal.stats.lastError.Store(&err)
	if w.trouble != nil {
		w.trouble(err)
	}
}

// tellLoss tells trouble once more when it began with a record that only waits, and now others are lost.
func (w *writer) tellLoss() {
	switch {
	case !w.losing || w.lossTold:
	case w.broken != nil:
		w.report(w.broken)
	case w.thrift != nil:
		w.report(w.thrift)
	}
}

// mend tells that nothing is left of what trouble was told.
func (w *writer) mend() {
	if w.broken != nil || w.thrift != nil {
		return
	}
	w.losing, w.lossTold = false, false
	w.journal.stats.losing.Store(false)
	if !w.troubled || w.short || w.unpacked || w.unerased || !w.rotateAt.IsZero() {
		return
	}
	w.troubled = false
	if w.mended != nil {
		w.mended()
	}
}

// repair tries to write again: in a new segment, under a new epoch, since the numbers of what was withdrawn are used
// again and a reader may have seen it. The first records tell why, and what was lost.
func (w *writer) repair(now time.Time) {
	w.retryAt = now.Add(retryPause)
	if err := w.resume(now); err != nil {
		err = typed(err)
		w.journal.stats.lastError.Store(&err)
		if !errors.Is(err, ErrSpace) {
			return
		}
		w.economize(err, now)
		if !errors.Is(w.broken, ErrSpace) {
			w.broken = err
			w.report(err)
		}
		return
	}
	w.broken = nil
}

func (w *writer) resume(now time.Time) error {
	if err := w.withdraw(); err != nil {
		return err
	}
	w.eraseForSpace(now)
	w.epoch = randomHex(8)
	if err := w.begin(w.segmentAt()); err != nil {
		return err
	}
	lost := w.journal.queue.losses()
	rotated := w.begun(now, flow.EventJournalRotated)
	rotated.Journal.Reason = w.broken.Error()
	records := append([]flow.Record{rotated}, w.erased...)
	if lost.count > 0 {
		records = append(records, gap(now, lost))
	}
	items := append(w.items(records), w.kept...)
	if err := w.commit(items); err != nil {
		return errors.Join(err, w.withdraw())
	}
	w.finish(items)
	w.journal.queue.told(lost)
	w.gapAt = w.nextGap(now)
	w.kept, w.erased = nil, nil
	return nil
}

// withdraw takes off the segment what did not get into the journal, and ends the segment.
func (w *writer) withdraw() error {
	if w.file == nil {
		return nil
	}
	if err := w.file.Truncate(w.current.size); err != nil {
		return fmt.Errorf("withdraw from journal segment %s: %w", w.current.name(), bare(err))
	}
	_ = w.file.Close() // nothing in it is waited for
	w.file = nil
	if w.current.size > 0 {
		w.current.mod = time.Now()
		w.finished = append(w.finished, w.current)
		return nil
	}
	return os.Remove(w.current.path)
}

// begin creates a segment and makes it the current one.
func (w *writer) begin(s segment) error {
	f, err := w.files(s.path, os.O_CREATE|os.O_EXCL)
	if errors.Is(err, fs.ErrExist) { // left over from a segment that could not be begun
		if err = os.Rename(s.path, freeName(s.path+tornMark+"0")); err == nil {
			f, err = w.files(s.path, os.O_CREATE|os.O_EXCL)
		}
	}
	if err == nil && w.settings.Durability == DurabilityDisk {
		if err = syncDir(w.dir); err != nil {
			_ = f.Close()
			_ = os.Remove(s.path) // each attempt would leave one behind
		}
	}
	if err != nil {
		return fmt.Errorf("begin journal segment %s: %w", s.name(), bare(err))
	}
	w.file, w.current, w.began, w.rotateAt, w.refusedBytes = f, s, time.Now(), time.Time{}, 0
	return nil
}

// begun is the record that begins a segment or a run: it tells what a reader that starts here has to know.
func (w *writer) begun(now time.Time, event flow.Event) flow.Record {
	j := &flow.Journal{ID: w.id, Epoch: w.epoch, Segment: w.current.name(), Last: w.at.seq}
	if w.at.seq > 0 {
		j.Head = w.at.chain.String()
	}
	return flow.Record{Time: now, Event: event, Journal: j}
}

// gap tells what was dropped.
func gap(now time.Time, l losses) flow.Record {
	return flow.Record{Time: now, Event: flow.EventJournalGap, Journal: &flow.Journal{
		Count: l.count, Bytes: l.bytes,
		Reason: l.reason + "; since " + l.since.UTC().Format(time.RFC3339),
	}}
}
