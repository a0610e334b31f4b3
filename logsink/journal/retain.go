package journal

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// retain erases the oldest segments while there are too many bytes, while they are too old, and while the file system
// has too little space. The current one always stays.
func (w *writer) retain(now time.Time) {
	for w.broken == nil && len(w.finished) > 0 {
		reason := w.excess(now)
		if reason == "" || !w.prune(now, reason) {
			break
		}
	}
	w.checkSpace()
	w.retainAt = now.Add(retainPause)
	if w.short {
		w.retainAt = now.Add(shortPause)
	}
	if w.broken == nil && w.thrift == nil {
		w.restock() // the reserve may have been missing since there was no room for it
	}
}

// excess says why the oldest segment has to go, or nothing. What a feed has not taken yet does not go for its age, only
// when a limit of space is reached.
func (w *writer) excess(now time.Time) string {
	total := flow.Size(w.current.size)
	for i := range w.finished {
		total += flow.Size(w.finished[i].size)
	}
	free, err := w.free()
	waiting := w.waiting()
	switch age := now.Sub(w.finished[0].mod); {
	case total > w.settings.MaxSize:
		return fmt.Sprintf("the journal has %s, at most %s are kept", total.Human(), w.settings.MaxSize.Human()) +
			untaken(waiting)
	case err == nil && free < w.settings.KeepFree:
		return fmt.Sprintf("the file system has %s free, %s are to stay so", free.Human(),
			w.settings.KeepFree.Human()) + untaken(waiting)
	case age > w.settings.MaxAge && len(waiting) == 0 && !w.retainAt.IsZero():
		return fmt.Sprintf("last written %s ago, kept for %s", age.Round(time.Second), w.settings.MaxAge)
	default:
		return ""
	}
}

// waiting are the names of the feeds that have not taken all of the oldest segment.
func (w *writer) waiting() []string { return w.journal.holding(w.oldestEnd()) }

// untaken names the feeds that lose records.
func untaken(feeds []string) string {
	if len(feeds) == 0 {
		return ""
	}
	return "; not yet taken by " + strings.Join(feeds, ", ")
}

// oldestEnd is the number of the last record of the oldest finished segment.
func (w *writer) oldestEnd() uint64 { return w.behindOldest().first - 1 }

// behindOldest is the segment after the oldest finished one.
func (w *writer) behindOldest() *segment {
	if len(w.finished) > 1 {
		return &w.finished[1]
	}
	return &w.current
}

// prune records that the oldest segment goes, and then erases it: a crash in between leaves a file too many, which is
// erased later, and never a hole that nothing accounts for. That holds for a crash of the machine at any durability,
// since the record is on the disk before. It is false when the segment has to stay.
func (w *writer) prune(now time.Time, reason string) bool {
	w.own(now, w.pruned(now, reason))
	if w.broken != nil {
		return false
	}
	if err := w.secure(); err != nil {
		w.unerased = true
		w.report(typed(fmt.Errorf("journal segment %s has to stay until the record of its end is on the disk: sync %s: %w",
			w.finished[0].name(), w.current.name(), bare(err))))
		return false
	}
	w.erase()
	return true
}

// secure makes the current segment survive the death of the machine, where the file system knows of such a thing.
func (w *writer) secure() error {
	if w.settings.Durability == DurabilityDisk {
		return nil // it does already
	}
	for _, sync := range []func() error{w.file.Sync, func() error { return syncDir(w.dir) }} {
		err := sync()
		if err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) {
			return err
		}
	}
	return nil
}

// pruned tells the numbers of the oldest segment, and the chain's value at its end, which the first record of the
// segment behind it says.
func (w *writer) pruned(now time.Time, reason string) flow.Record {
	oldest, behind := &w.finished[0], w.behindOldest()
	j := &flow.Journal{
		Segment: oldest.name(), First: oldest.first, Last: w.oldestEnd(), Reason: reason,
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

func (w *writer) erase() {
	err := os.Remove(w.finished[0].path)
	if w.unerased = err != nil && !os.IsNotExist(err); w.unerased {
		w.report(fmt.Errorf("erase journal segment: %w", err))
	}
	w.finished = w.finished[1:]
}
