package journal

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// start brings the journal to the point where it goes on: it mends what a crash has left behind, writes journal.start,
// and closes the sessions that were open. Each of the closes is in the journal or not, so a crash in the middle leaves
// the rest to the next start and doubles none.
func (w *writer) start(version string) error {
	_, total, err := diskSpace(w.dir)
	if err != nil {
		return fmt.Errorf("ask for its free space: %w", err)
	}
	w.settings = w.settings.withDefaults(total)
	w.reserve = reserveFor(w.settings, total)
	err = typed(w.beginRun(version))
	if errors.Is(err, ErrSpace) && w.file == nil { // what the reserve holds is enough to begin with
		now := time.Now()
		w.report(err)
		w.economize(err, now)
		w.eraseForSpace(now)
		err = typed(w.beginRun(version))
	}
	if err != nil {
		return err
	}
	now := time.Now()
	w.retain(now)
	w.retainAt = now     // again when the feeds are there, which keep segments that are too old
	if w.broken != nil { // what the reserve holds is enough for it
		w.repair(now)
	}
	return w.broken
}

// beginRun recovers the journal and begins this run.
func (w *writer) beginRun(version string) error {
	found, err := w.recover()
	if err != nil {
		return err
	}
	w.epoch = randomHex(8)
	if err := w.openCurrent(); err != nil {
		return err
	}
	w.journal.feeds.begin(w.at.seq)
	now := time.Now()
	begun := w.begun(now, flow.EventJournalStart)
	begun.Journal.Version, begun.Journal.PID = version, os.Getpid()
	if w.host != (flow.Host{}) {
		begun.Host = &w.host
	}
	records := []flow.Record{begun}
	if found.reason != "" {
		records = append(records, found.record(now))
	}
	if err := w.commitOwn(append(records, w.erased...)); err != nil {
		return err
	}
	w.erased = nil
	return w.closeCrashed(now, found.open)
}

// openCurrent goes on with the last segment, or begins one.
func (w *writer) openCurrent() error {
	if n := len(w.finished); n > 0 && !w.finished[n-1].packed() && w.finished[n-1].size < int64(w.settings.RotateSize) {
		last := w.finished[n-1]
		f, err := w.files(last.path, 0)
		if err != nil {
			return err
		}
		w.file, w.current, w.finished, w.began = f, last, w.finished[:n-1], last.mod
		if e, err := firstEntry(last.path); err == nil {
			w.began = e.Record.Time
		}
		return nil
	}
	if w.id == "" {
		w.id = randomHex(16)
		w.at = point{0, chainStart(w.id)}
	}
	return w.begin(w.segmentAt())
}

// closeCrashed writes the close of each session that was open when its lodoor died.
func (w *writer) closeCrashed(now time.Time, open []place) error {
	for chunk := range slices.Chunk(open, batchRecords) {
		records := make([]flow.Record, len(chunk))
		for i := range chunk {
			w.journal.queue.pairs.set(chunk[i].session, begun)
			records[i] = chunk[i].crashed(now)
		}
		if err := w.commitOwn(records); err != nil {
			return err
		}
	}
	return nil
}

// commitOwn writes records while there is nobody yet who could try again.
func (w *writer) commitOwn(records []flow.Record) error {
	items := w.items(records)
	if err := w.commit(items); err != nil {
		return errors.Join(err, w.withdraw())
	}
	w.finish(items)
	return nil
}

// stop writes what waits, tells what was lost, and gives the directory back. Later calls do nothing.
func (w *writer) stop() error {
	if w.held == nil {
		return nil
	}
	now := time.Now()
	w.retryAt, w.gapAt = now, now
	w.turn(now)
	for attempt := 0; attempt == 0 || w.broken != nil && attempt < lastAttempts; attempt++ {
		w.tellEnd(now)
	}
	w.journal.stats.dropped.Add(w.refused.connections())
	err := w.broken
	w.abandon()
	return err
}

// lastAttempts is how often the end is told before it is given up: a full disk may be met by any of its records, and
// then there still is the reserve.
const lastAttempts = 2

// tellEnd writes what the journal has to say before it ends.
func (w *writer) tellEnd(now time.Time) {
	if w.broken != nil {
		w.repair(now)
	}
	if w.broken == nil {
		w.tellRefusals(now)
	}
	if lost := w.journal.queue.losses(); w.broken == nil && lost.count > 0 {
		w.tellGap(now, lost)
	}
	w.own(now, flow.Record{Time: now, Event: flow.EventJournalStop, Journal: &flow.Journal{
		Count: uint64(w.journal.queue.open()),
	}})
}

// abandon gives the files back as they are.
func (w *writer) abandon() {
	if w.file != nil {
		_ = w.file.Close() // each batch has reported its own errors
		w.file = nil
	}
	if w.held != nil {
		_ = w.held.Close()
		w.held = nil
	}
}
