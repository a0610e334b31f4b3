package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

const (
	// packedSuffix is of a finished segment that was compressed: one frame of Zstandard (RFC 8878) with a checksum.
	packedSuffix = segmentSuffix + ".zst"
	// largestWindow bounds what reading a segment takes, whatever its frame asks for: 8 MiB is what RFC 8878 recommends
	// that every decoder has.
	largestWindow = 8 << 20
)

var errPacked = errors.New("the compressed segment is damaged")

func (s *segment) packed() bool { return strings.HasSuffix(s.path, packedSuffix) }

// openSegment opens a segment for reading, compressed or not. Only one that is not is an *os.File.
func openSegment(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(path, packedSuffix) {
		return f, nil
	}
	return unpack(f)
}

// unpack takes the file, and closes it when it fails.
func unpack(f *os.File) (io.ReadCloser, error) {
	// With one decoder there is no goroutine.
	d, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(largestWindow))
	if err != nil {
		return nil, errors.Join(packedError(err), f.Close())
	}
	return &unpacker{f, d}, nil
}

// unpacker reads what a compressed segment has.
type unpacker struct {
	file    *os.File
	decoder *zstd.Decoder
}

func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.decoder.Read(p)
	return n, packedError(err)
}

func (u *unpacker) Close() error {
	u.decoder.Close()
	return u.file.Close()
}

// packedError tells damage from an error of the file system.
func packedError(err error) error {
	var path *fs.PathError
	if err == nil || errors.Is(err, io.EOF) || errors.As(err, &path) {
		return err
	}
	return fmt.Errorf("%w: %v", errPacked, err) //nolint:errorlint // an unexpected end is no end
}
