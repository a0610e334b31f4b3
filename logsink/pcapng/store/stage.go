package store

import (
	"fmt"
	"io"
	"sync/atomic"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// zstdWindow is how far back the compression looks: what both sides need of memory.
const zstdWindow = 1 << 20

// stage is one that blocks go through on their way to the disk.
type stage interface {
	io.Writer
	// Begin says that the next length bytes are whole blocks.
	Begin(length int) error
	// Lend is Write for what stays as it is until Flush.
	Lend(b []byte) error
	// Lent says whether it holds any of that.
	Lent() bool
	// Flush hands on what is held. Encryption holds up to 64 KiB all the same, since it cannot end a piece early.
	Flush() error
	// Close ends the file's form; the media stays open.
	Close() error
}

// stages is the way of the blocks: compressed, then encrypted.
func (c *Config) stages(to *sink) (stage, error) {
	if len(c.Recipients) == 0 {
		if c.Compress == CompressOff {
			return newGather(to), nil
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

// packed compresses.
type packed struct{ *zstd.Encoder }

func (packed) Begin(int) error { return nil }

func (packed) Lent() bool { return false }

func (p packed) Lend(b []byte) error {
	_, err := p.Write(b)
	return err
}

// sealed encrypts.
type sealed struct{ io.WriteCloser }

func (sealed) Begin(int) error { return nil }

func (sealed) Lent() bool { return false }

func (s sealed) Lend(b []byte) error {
	_, err := s.Write(b)
	return err
}

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

// pieceWriter is a media that takes a write from where its pieces lie.
type pieceWriter interface {
	WritePieces(pieces [][]byte) error
}

// writeAll writes what is good only together.
func (s *sink) writeAll(pieces [][]byte) error {
	if s.err != nil || len(pieces) == 0 {
		return s.err
	}
	length := 0
	for _, b := range pieces {
		length += len(b)
	}
	if s.err = writePieces(s.media, pieces); s.err != nil {
		return s.err
	}
	s.good.Add(int64(length))
	return nil
}

func writePieces(to Media, pieces [][]byte) error {
	if w, ok := to.(pieceWriter); ok && len(pieces) > 1 {
		return w.WritePieces(pieces)
	}
	for _, b := range pieces {
		if _, err := to.Write(b); err != nil {
			return err
		}
	}
	return nil
}
