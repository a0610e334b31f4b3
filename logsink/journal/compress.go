package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	packPause = time.Minute // between two looks for what can be compressed
	// packAge is how long a segment rests before it is compressed: programs that tail plain files have to come by.
	packAge    = time.Hour
	packWindow = 1 << 20
	packBlock  = 256 << 10
)

// compress compresses finished segments until ctx ends.
func (j *Journal) compress(ctx context.Context) {
	tick := time.NewTicker(packPause)
	defer tick.Stop()
	told := false
	for {
		err := j.compressDue(ctx, time.Now())
		if err != nil && ctx.Err() == nil && !told {
			j.writer.tellPacking(err)
		}
		told = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (w *writer) tellPacking(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tellTrouble(err)
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
// all of it.
func (j *Journal) compressible(now time.Time) (segment, bool) {
	w := j.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, s := range w.finished {
		if s.packed() {
			continue
		}
		behind := w.current.first
		if i+1 < len(w.finished) {
			behind = w.finished[i+1].first
		}
		return s, now.Sub(s.mod) >= packAge && len(j.holding(s.first, behind-1)) == 0
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

// packFile writes a segment's compressed file, safe on the disk, with the mode and the times of the segment: by the
// times it is erased.
func packFile(ctx context.Context, s segment, path string) (int64, error) {
	from, err := os.Open(s.path)
	if err != nil {
		return 0, err
	}
	defer from.Close()
	info, err := from.Stat()
	if err == nil && info.Size() != s.size {
		err = fmt.Errorf("it has %d bytes, expected the %d that were written", info.Size(), s.size)
	}
	if err != nil {
		return 0, err
	}
	to, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return 0, err
	}
	sum, err := packInto(ctx, to, from)
	if err == nil {
		err = to.Sync()
	}
	size, seekErr := to.Seek(0, io.SeekCurrent)
	if err = errors.Join(err, seekErr, to.Close()); err != nil {
		return 0, err
	}
	if err := checkPacked(ctx, path, sum); err != nil {
		return 0, err
	}
	return size, os.Chtimes(path, info.ModTime(), info.ModTime())
}

// packInto compresses, and returns the hash of what it has read.
func packInto(ctx context.Context, to io.Writer, from io.Reader) (sum []byte, err error) {
	// With one encoder there is no goroutine.
	z, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(packWindow),
		zstd.WithEncoderCRC(true), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	err = copyGently(ctx, io.MultiWriter(z, hash), from)
	return hash.Sum(nil), errors.Join(err, z.Close())
}

// checkPacked reads a compressed file again: it has to be what was compressed, since that is going to be removed.
func checkPacked(ctx context.Context, path string, sum []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	z, err := unpack(f)
	if err != nil {
		return err
	}
	defer z.Close()
	hash := sha256.New()
	if err := copyGently(ctx, hash, z); err != nil {
		return err
	}
	if !bytes.Equal(hash.Sum(nil), sum) {
		return errPacked
	}
	return nil
}

// copyGently rests after each block for as long as it took, so that it has half of a processor at most.
func copyGently(ctx context.Context, to io.Writer, from io.Reader) error {
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-rest.C:
		}
		begun := time.Now()
		if _, err := io.CopyN(to, from, packBlock); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		rest.Reset(time.Since(begun))
	}
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
