package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	packWindow = 1 << 20   // how far back the compression looks: what reading takes
	packBlock  = 256 << 10 // compressed before it rests
)

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
