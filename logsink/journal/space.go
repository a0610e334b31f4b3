package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// ErrSpace is found by errors.Is in what Trouble and Append's callback are told when the file system or the quota is
// full, and when the file system is short of space with nothing left to erase.
var ErrSpace = errors.New("the journal has no space left")

// spaceError is an error that ErrSpace is found in, in the words of the error itself.
type spaceError struct{ error }

func (e spaceError) Is(target error) bool { return target == ErrSpace }
func (e spaceError) Unwrap() error        { return e.error }

// typed makes an error of a full file system one that ErrSpace is found in.
func typed(err error) error {
	if isFull(err) {
		return spaceError{err}
	}
	return err
}

// The reserve is a file in the journal's directory that holds space: when a write fails since there is none, it is
// removed, so that the next records can be written. From then on the writer is in thrift: only records whose number is
// bounded are written, until there is room for the reserve again and for as much beside it.
const (
	reserveName    = "reserve"
	reserveSize    = 256 * flow.KiB
	reserveOfMax   = 64 // parts of MaxSize, at most one of which is the reserve
	reserveOfTotal = 16 // the same of the file system
	reserveUnit    = 4 * flow.KiB
)

// reserveFor is the size of the reserve; 0 is none.
func reserveFor(s Settings, total uint64) flow.Size {
	size := min(reserveSize, s.MaxSize/reserveOfMax)
	if total > 0 {
		size = min(size, flow.Size(total/reserveOfTotal))
	}
	return size / reserveUnit * reserveUnit
}

func (w *writer) reservePath() string { return filepath.Join(w.dir, reserveName) }

// restock ends a thrift and makes the reserve where it is missing, when there is room for both the reserve and as much
// beside it.
func (w *writer) restock() bool {
	free, err := w.free()
	if err != nil || free < 2*max(w.reserve, reserveUnit) {
		return false
	}
	if w.reserve > 0 && !holdSpace(w.reservePath(), int64(w.reserve)) {
		return false
	}
	if w.thrift != nil {
		w.thrift = nil
		w.gapAt = time.Time{} // what was dropped meanwhile is told now
	}
	return true
}

// holdSpace has path be a file that takes so many bytes of the file system. It leaves no file when it cannot.
func holdSpace(path string, size int64) bool {
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() == size {
		return true
	}
	_ = os.Remove(path)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false
	}
	// Twice the size, for a moment: a quota, too, has to have room beside the reserve.
	if err = errors.Join(allocate(f, 2*size), f.Truncate(size), f.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err == nil
}

// zeros takes space by writing, where the file system has no other way.
func zeros(f *os.File, size int64) error {
	var block [reserveUnit]byte
	for at := int64(0); at < size; at += int64(len(block)) {
		if _, err := f.WriteAt(block[:min(size-at, int64(len(block)))], at); err != nil {
			return err
		}
	}
	return nil
}

// economize begins a thrift, and gives up the reserve.
func (w *writer) economize(err error, now time.Time) {
	_ = os.Remove(w.reservePath())
	w.thrift = err
	w.thriftAt = now.Add(retryPause)
}

// cramped says whether a segment has to go so that anything can be written.
func (w *writer) cramped() bool {
	free, err := w.free()
	return err == nil && free < w.settings.KeepFree || w.thrift != nil && !w.restock()
}

// eraseForSpace erases the oldest segments while the file system is short of space and nothing can be written: the
// records of it come with the first batch that can. At least one finished segment stays, since its end is where the
// next one is tied to.
func (w *writer) eraseForSpace(now time.Time) {
	for len(w.finished) > 1 && w.cramped() {
		w.erased = append(w.erased, w.pruned(now, "the file system is full"+untaken(w.waiting())))
		w.erase()
	}
	if w.thrift != nil {
		w.restock()
	}
}

// checkSpace tells trouble once when the space is short and nothing is left to erase.
func (w *writer) checkSpace() {
	free, err := w.free()
	short := err == nil && free < w.settings.KeepFree
	if short && !w.short {
		w.report(spaceError{fmt.Errorf("journal %s: only %s are free on its file system, %s are to stay so, and nothing "+
			"is left to erase", w.dir, free.Human(), w.settings.KeepFree.Human())})
	}
	w.short = short
}

func (w *writer) free() (flow.Size, error) {
	free, _, err := diskSpace(w.dir)
	return flow.Size(min(free, 1<<62)), err
}
