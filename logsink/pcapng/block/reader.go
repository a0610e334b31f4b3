package block

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// headLen is a block's kind and length; the length stands behind it once more.
	headLen, tailLen = 8, 4
	// MaxLen is the longest block that is read, 16 MiB. The longest packet that lodoor writes has 64 KiB.
	MaxLen = 16 << 20
)

// ErrTorn says that a file ends within a block, as one does that is still being written, or that a crash has left.
var ErrTorn = errors.New("it ends within a block")

// FormatError says that something is not as pcapng has it.
type FormatError struct {
	Offset int64 // of the block, from the beginning of what is read
	What   string
}

func (e *FormatError) Error() string { return fmt.Sprintf("at byte %d: %s", e.Offset, e.What) }

// Reader reads one block after the other.
type Reader struct {
	in     *bufio.Reader
	raw    bytes.Buffer
	whole  int64
	parser parser
	block  Block
}

// NewReader reads from in.
func NewReader(in io.Reader) *Reader {
	const buffered = 64 << 10
	return &Reader{in: bufio.NewReaderSize(in, buffered)}
}

// Whole is the offset behind the last block that was read whole.
func (r *Reader) Whole() int64 { return r.whole }

// Next returns the next block, which is valid until the following call. The error is io.EOF behind the last one, ErrTorn
// when the input ends within one, a *FormatError when it is no pcapng, and otherwise the input's own. After an error there
// is nothing more to read.
func (r *Reader) Next() (*Block, error) {
	length, err := r.head()
	if err != nil {
		return nil, err
	}
	if err := r.fetch(length); err != nil {
		return nil, err
	}
	raw := r.raw.Bytes()
	if behind := r.parser.order.Uint32(raw[len(raw)-tailLen:]); behind != length {
		return nil, r.wrong("the block's length is %d before it and %d behind it", length, behind)
	}
	if err := r.parser.parse(raw, &r.block); err != nil {
		return nil, r.wrong("%v", err)
	}
	r.whole += int64(length)
	return &r.block, nil
}

func (r *Reader) wrong(format string, args ...any) error {
	return &FormatError{Offset: r.whole, What: fmt.Sprintf(format, args...)}
}

// head reads a block's kind and length. A section's byte order stands behind its length.
func (r *Reader) head() (length uint32, err error) {
	b, err := r.in.Peek(headLen + 4)
	if len(b) == 0 {
		return 0, err
	}
	first := r.parser.order == nil
	if first && len(b) >= 4 && binary.LittleEndian.Uint32(b) != uint32(KindSection) {
		return 0, r.wrong("it is no pcapng file: it begins with %x", b[:4])
	}
	if len(b) < headLen+4 {
		return 0, torn(err)
	}
	if bytes.Equal(b[:headLen], make([]byte, headLen)) {
		return 0, ErrTorn // room that a machine's crash has left empty
	}
	if binary.LittleEndian.Uint32(b) == uint32(KindSection) && !r.parser.ordered(b[headLen:]) {
		return 0, r.wrong("the section's byte order cannot be told from %x", b[headLen:])
	}
	length = r.parser.order.Uint32(b[4:])
	switch {
	case length < headLen+tailLen || length%4 != 0:
		return 0, r.wrong("a block cannot have a length of %d bytes", length)
	case length > MaxLen:
		return 0, r.wrong("a block of %d bytes: expected at most %d", length, MaxLen)
	}
	return length, nil
}

// fetch reads a whole block. Memory is taken as its bytes come, whatever length it claims.
func (r *Reader) fetch(length uint32) error {
	r.raw.Reset()
	n, err := r.raw.ReadFrom(io.LimitReader(r.in, int64(length)))
	if err != nil {
		return err
	}
	if n < int64(length) {
		return ErrTorn
	}
	return nil
}

// torn is what an input's end within a block is.
func torn(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrTorn
	}
	return err
}
