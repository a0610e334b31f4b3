package store

import (
	"bufio"
	"fmt"
	"io"
	"sync/atomic"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

const (
	// buffered holds several of the largest packets.
	buffered = 256 << 10
	// zstdWindow is how far back the compression looks: what both sides need of memory.
	zstdWindow = 1 << 20
)

// stage is one that blocks go through on their way to the disk.
type stage interface {
	io.Writer
	// Begin says that the next length bytes are whole blocks.
	Begin(length int) error
	// Flush hands on what is held. Encryption holds up to 64 KiB all the same, since it cannot end a piece early.
	Flush() error
	// Close ends the file's form; the media stays open.
	Close() error
}

// stages is the way of the blocks: compressed, then encrypted.
func (c *Config) stages(to io.Writer) (stage, error) {
	if len(c.Recipients) == 0 {
		if c.Compress == CompressOff {
			return whole{bufio.NewWriterSize(to, buffered)}, nil
		}
		compressed, err := newZstd(to)
		if err != nil {
			return nil, err
		}
		return compressed, nil
	}
	encrypted, err := age.Encrypt(to, c.Recipients...)
	if err != nil {
		return nil, fmt.Errorf("begin to encrypt: %w", err)
	}
	if c.Compress == CompressOff {
		return sealed{encrypted}, nil
	}
	compressed, err := newZstd(encrypted)
	if err != nil {
		return nil, err
	}
	return both{compressed, encrypted}, nil
}

func newZstd(to io.Writer) (packed, error) {
	// With one encoder there is no goroutine.
	e, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithWindowSize(zstdWindow), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return packed{}, fmt.Errorf("begin to compress: %w", err)
	}
	return packed{e}, nil
}

// whole buffers, and never lets a write to the media end within a block, unless that has no room in the buffer.
type whole struct{ *bufio.Writer }

func (w whole) Begin(length int) error {
	if w.Available() >= length {
		return nil
	}
	return w.Flush()
}

func (w whole) Close() error { return w.Flush() }

// packed compresses.
type packed struct{ *zstd.Encoder }

func (packed) Begin(int) error { return nil }

// sealed encrypts.
type sealed struct{ io.WriteCloser }

func (sealed) Begin(int) error { return nil }

func (sealed) Flush() error { return nil }

// both compresses what it encrypts.
type both struct {
	packed
	encrypted io.WriteCloser
}

func (b both) Close() error {
	if err := b.Encoder.Close(); err != nil {
		return err
	}
	return b.encrypted.Close()
}

// sink is the media, and how much of it is good. After an error it takes nothing more.
type sink struct {
	media Media
	good  atomic.Int64 // bytes up to the end of the last write that did not fail
	err   error
}

func (s *sink) Write(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.media.Write(b)
	if err != nil {
		s.err = err
		return n, err
	}
	s.good.Add(int64(n))
	return n, nil
}
