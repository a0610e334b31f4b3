package recording

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// ErrEncrypted says that a recording needs an identity that was not given.
var ErrEncrypted = errors.New("it is encrypted")

const (
	// largestWindow bounds what reading takes, whatever a frame asks for: 8 MiB is what RFC 8878 recommends that every
	// decoder has.
	largestWindow = 8 << 20
	ageMagic      = "age-encryption.org/v1\n"
	zstdMagic     = "\x28\xb5\x2f\xfd" // RFC 8878, 3.1.1
)

// source is a recording's bytes, decrypted and decompressed.
type source struct {
	in   io.Reader
	raw  *counted
	zstd *zstd.Decoder
	file *os.File // to close
	torn bool     // the recording ended before it was whole
	// Which layers there are.
	encrypted, compressed bool
}

// counted is what is read from; it knows when it has come to its end.
type counted struct {
	in    io.Reader
	ended bool
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	c.ended = c.ended || errors.Is(err, io.EOF)
	return n, err
}

func newSource(in io.Reader, identities []age.Identity) (*source, error) {
	s := &source{raw: &counted{in: in}}
	buffered := bufio.NewReader(s.raw)
	if s.encrypted = begins(buffered, ageMagic); s.encrypted {
		plain, err := decrypt(buffered, identities)
		if err != nil {
			return nil, s.early(err)
		}
		buffered = bufio.NewReader(plain)
	}
	if s.compressed = begins(buffered, zstdMagic); s.compressed {
		// With one decoder there is no goroutine.
		d, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(largestWindow))
		if err != nil {
			return nil, fmt.Errorf("begin to decompress: %w", err)
		}
		s.zstd, s.in = d, d
		return s, nil
	}
	s.in = buffered
	return s, nil
}

// begins says whether the next bytes are these.
func begins(in *bufio.Reader, magic string) bool {
	b, _ := in.Peek(len(magic)) // who reads on meets the error
	return bytes.Equal(b, []byte(magic))
}

func decrypt(in io.Reader, identities []age.Identity) (io.Reader, error) {
	if len(identities) == 0 {
		return nil, fmt.Errorf("%w: expected an identity that can read it, a file with AGE-SECRET-KEY-1…", ErrEncrypted)
	}
	plain, err := age.Decrypt(in, identities...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, fmt.Errorf("%w, and not to the identity that was given: expected that of one of its recipients",
			ErrEncrypted)
	}
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	return plain, nil
}

// early makes of an error before the first byte what it means when the file has come to its end.
func (s *source) early(err error) error {
	if s.raw.ended && errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: its header is not whole", err)
	}
	return err
}

// Read reads up to where the recording is good. It ends there, with torn, when what was to come is not there. Of the last
// piece of what is encrypted nobody can tell whether it is not whole, or was changed.
func (s *source) Read(b []byte) (int, error) {
	n, err := s.in.Read(b)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	if s.compressed && errors.Is(err, io.ErrUnexpectedEOF) || s.encrypted && s.raw.ended {
		s.torn = true
		return n, io.EOF
	}
	return n, err
}

// Close closes the file, if there is one.
func (s *source) Close() error {
	if s.zstd != nil {
		s.zstd.Close()
	}
	if s.file != nil {
		return s.file.Close()
	}
	return nil
}
