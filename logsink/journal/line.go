package journal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strconv"

	"github.com/lodoor/lodoor/proxy/flow"
)

// maxLine is the longest line in bytes, newline included. A longer one is not written, and is damage where it is read.
const maxLine = 1 << 20

// chain is the hash that ties a record to all before it.
type chain [sha256.Size]byte

// chainStart is the value before the first record of the journal with the given id.
func chainStart(id string) chain { return sha256.Sum256([]byte(id)) }

// hasher computes chains without garbage.
type hasher struct{ scratch []byte }

// next is the chain's value after a record whose bytes, up to its chain member, are covered.
func (h *hasher) next(c chain, covered []byte) chain {
	h.scratch = append(append(h.scratch[:0], c[:]...), covered...)
	return sha256.Sum256(h.scratch)
}

func (c chain) String() string { return hex.EncodeToString(c[:]) }

// parseChain reads hexadecimal digits in lower case: there is one way to write a chain, so that no bit of it can be
// changed unseen.
func parseChain(digits []byte) (c chain, ok bool) {
	if len(digits) != hex.EncodedLen(len(c)) || bytes.ContainsAny(digits, "ABCDEF") {
		return c, false
	}
	_, err := hex.Decode(c[:], digits)
	return c, err == nil
}

// Where things stand in a line: the first members come in a fixed order, the chain is always the last.
const (
	seqKey     = `{"seq":`
	timeKey    = `,"time":"`
	eventKey   = `","event":"`
	sessionKey = `,"session":{"id":"`
	chainKey   = `,"chain":"`
	lineEnd    = `"}`
	chainTail  = len(chainKey) + 2*sha256.Size + len(lineEnd)
)

// head is what can be read off a line without decoding it. The slices are parts of the line.
type head struct {
	seq     uint64
	time    []byte     // as timeFormat, so that times compare as bytes
	event   flow.Event // EventUnknown when it is none of ours
	covered []byte     // the bytes that the chain covers
	chain   []byte     // hexadecimal
}

// parseHead reads a line without its newline. It is not ok when the line has not the shape of a record.
func parseHead(line []byte) (h head, ok bool) {
	if len(line) < chainTail || !bytes.HasPrefix(line, []byte(seqKey)) || !bytes.HasSuffix(line, []byte(lineEnd)) {
		return h, false
	}
	h.covered = line[:len(line)-chainTail]
	tail := line[len(h.covered):]
	if !bytes.HasPrefix(tail, []byte(chainKey)) {
		return h, false
	}
	h.chain = tail[len(chainKey) : len(tail)-len(lineEnd)]
	digits, rest, found := bytes.Cut(h.covered[len(seqKey):], []byte(timeKey))
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	if !found || err != nil {
		return h, false
	}
	var event []byte
	h.seq = seq
	h.time, rest, found = bytes.Cut(rest, []byte(eventKey))
	event, _, ok = bytes.Cut(rest, []byte{'"'})
	h.event = eventOf(event)
	return h, found && ok
}

// session is the id of the line's session; the zero one when it has none. The key cannot stand inside a text, where a
// quote is always an escape.
func (h *head) session() (id flow.SessionID) {
	_, rest, found := bytes.Cut(h.covered, []byte(sessionKey))
	if found && len(rest) > len(id) && rest[len(id)] == '"' {
		copy(id[:], rest)
	}
	return id
}

// follows says whether the line is the one after previous: its number is the next, its chain holds.
func (h *head) follows(previous point, hash *hasher) bool {
	stored, ok := parseChain(h.chain)
	return ok && h.seq == previous.seq+1 && stored == hash.next(previous.chain, h.covered)
}

// point is a place in the journal: the number of a record, and the chain's value after it.
type point struct {
	seq   uint64
	chain chain
}

// point is the place after the line, as the line itself says.
func (h *head) point() (point, bool) {
	c, ok := parseChain(h.chain)
	return point{h.seq, c}, ok
}

var (
	errPartial = errors.New("the last line is not complete")
	errLong    = errors.New("the line is longer than " + strconv.Itoa(maxLine) + " bytes")
)

// lineReader reads lines and knows where they are.
type lineReader struct {
	buf    *bufio.Reader
	long   []byte // a line that does not fit into buf
	offset int64  // of the line that was returned last
	end    int64  // behind it
	number int    // of it, from 1
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{buf: bufio.NewReaderSize(r, 64<<10)}
}

// reset starts again at a reader whose first byte is at offset of its file.
func (l *lineReader) reset(r io.Reader, offset int64) {
	l.buf.Reset(r)
	l.offset, l.end, l.number = offset, offset, 0
}

// next returns a line without its newline, valid until the next call. At the end it returns io.EOF; with errPartial
// the bytes of a last line without a newline, with errLong the first of a line that is too long. After errLong one
// can go on.
func (l *lineReader) next() ([]byte, error) {
	l.offset = l.end
	line, err := l.read()
	l.number++
	switch {
	case err == nil && l.end-l.offset > maxLine:
		return line, errLong
	case err == nil:
		return line[:len(line)-1], nil
	case errors.Is(err, io.EOF) && len(line) > 0:
		return line, errPartial
	default:
		return nil, err
	}
}

// read returns a line as it stands, and of one that is too long no more than maxLine bytes.
func (l *lineReader) read() ([]byte, error) {
	part, err := l.buf.ReadSlice('\n')
	l.end += int64(len(part))
	if !errors.Is(err, bufio.ErrBufferFull) {
		return part, err
	}
	l.long = l.long[:0]
	for errors.Is(err, bufio.ErrBufferFull) {
		l.long = append(l.long, part[:min(len(part), maxLine-len(l.long))]...)
		part, err = l.buf.ReadSlice('\n')
		l.end += int64(len(part))
	}
	l.long = append(l.long, part[:min(len(part), maxLine-len(l.long))]...)
	return l.long, err
}
