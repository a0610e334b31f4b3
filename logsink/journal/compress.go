package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	packPause = time.Minute // between two looks for what can be compressed
	// packAge is how long a segment rests before it is compressed: programs that tail plain files have to come by.
	packAge = time.Hour
)

// compress compresses finished segments until ctx ends.
func (j *Journal) compress(ctx context.Context) {
	tick := time.NewTicker(packPause)
	defer tick.Stop()
	for {
		if err := j.compressDue(ctx, time.Now()); ctx.Err() == nil {
			j.writer.tellPacking(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tellPacking tells the first error of a row.
func (w *writer) tellPacking(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := w.unpacked
	w.unpacked = err != nil
	if err != nil && !told {
		w.report(err)
	} else if told && err == nil {
		w.journal.queue.rouse() // Mended may be due
	}
}

// compressDue compresses the segments for which it is time, the oldest first.
func (j *Journal) compressDue(ctx context.Context, now time.Time) error {
	for ctx.Err() == nil {
		s, found := j.compressible(now)
		if !found {
			return nil
		}
		if err := j.writer.pack(ctx, s); err != nil && !errors.Is(err, errErased) {
			return fmt.Errorf("compress journal segment %s: %w", s.name(), bare(err))
		}
	}
	return ctx.Err()
}

// compressible is the oldest segment that is not compressed, if it has rested for long enough, and every feed has taken
// all of it. There is none while records cannot be written for want of space: the reserve is not for this.
func (j *Journal) compressible(now time.Time) (segment, bool) {
	w := j.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil || w.thrift != nil {
		return segment{}, false
	}
	for i, s := range w.finished {
		if s.packed() {
			continue
		}
		behind := w.current.first
		if i+1 < len(w.finished) {
			behind = w.finished[i+1].first
		}
		return s, now.Sub(s.mod) >= packAge && len(j.holding(behind-1)) == 0
	}
	return segment{}, false
}

// pack puts a compressed file into the place of a segment. Both are there for a moment, of which the first counts: only
// what is whole, safe and has been read again takes its place.
func (w *writer) pack(ctx context.Context, s segment) (err error) {
	path := strings.TrimSuffix(s.path, segmentSuffix) + packedSuffix
	temporary := path + temporarySuffix
	size, err := packFile(ctx, s, temporary)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return errors.Join(err, removeIfThere(temporary))
	}
	if err = syncDir(w.dir); err == nil {
		err = w.replace(s, path, size)
	}
	if err != nil {
		return errors.Join(err, removeIfThere(path))
	}
	return nil
}

// errErased says that a segment was erased while it was compressed.
var errErased = errors.New("it was erased meanwhile")

// replace removes a segment in favour of its compressed file.
func (w *writer) replace(s segment, path string, size int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.finished {
		if w.finished[i].first != s.first {
			continue
		}
		if err := os.Remove(s.path); err != nil {
			return err
		}
		w.finished[i].path, w.finished[i].size = path, size
		return nil
	}
	return errErased
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// removeHalfPacked removes what a crash has left of a compression: files that were not whole, and those whose segment
// is there still.
func removeHalfPacked(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		first, packed := parseSegmentName(strings.TrimSuffix(e.Name(), temporarySuffix))
		if !packed || !strings.HasSuffix(strings.TrimSuffix(e.Name(), temporarySuffix), packedSuffix) {
			continue
		}
		_, err := os.Lstat(filepath.Join(dir, segmentName(first)))
		if err == nil || strings.HasSuffix(e.Name(), temporarySuffix) {
			err = os.Remove(name)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
