package replay

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"time"
)

const (
	// pgAnswerMax is how much of an answer is kept. Of what is beyond there is a digest.
	pgAnswerMax = 64 << 10
	// pgFirstUserOID is the first OID that a server gives to what its users make (FirstNormalObjectId of its source); those
	// below are the same everywhere.
	pgFirstUserOID = 16384
)

// pgAnswer is what a backend answered to a message.
type pgAnswer struct {
	kind    byte // of the question
	about   *pgStatement
	zone    string
	passed  bool // it was not looked at, since something before it had failed
	items   []pgItem
	columns *pgColumns // of the last result
	rows    int
	at      time.Time // when it was whole
	size    int
	rest    pgRest
}

// pgItem is a message of an answer.
type pgItem struct {
	kind    byte
	body    []byte
	columns *pgColumns // of rows, when they are known
}

// pgRest is a digest of what is behind the beginning: how many messages, their hash in order, and one that the order does
// not change.
type pgRest struct {
	count        int
	ordered, sum uint64
}

// add takes a message whose body is valid during the call only.
func (a *pgAnswer) add(i pgItem) {
	if i.kind == 'D' {
		a.rows++
	}
	if (i.kind == 'D' || i.kind == 'd') && (a.rest.count > 0 || a.size+len(i.body) > pgAnswerMax) {
		a.rest.add(i.kind, i.body)
		return
	}
	i.body = bytes.Clone(i.body)
	a.items = append(a.items, i)
	a.size += len(i.body) + 64
}

func (r *pgRest) add(kind byte, body []byte) {
	h := fnv.New64a()
	_, _ = h.Write([]byte{kind})
	_, _ = h.Write(body)
	sum := h.Sum64()
	r.count++
	r.sum += sum
	r.ordered = r.ordered*1_099_511_628_211 + sum
}

// pgColumns are those of a result.
type pgColumns struct {
	names   []string
	types   []uint32
	formats []uint16 // 0 is text, 1 binary
}

func readPgColumns(body []byte) *pgColumns {
	r := pgReader{b: body}
	c := &pgColumns{}
	for range r.uint16() {
		c.names = append(c.names, r.text())
		r.skip(6) // the table's OID and the column's number
		c.types = append(c.types, r.uint32())
		r.skip(6) // the type's size and modifier
		c.formats = append(c.formats, r.uint16())
	}
	return c
}

// in are the same columns in the formats that a Bind asks for: none is all as text, one is of all.
func (c *pgColumns) in(formats []uint16) *pgColumns {
	if c == nil {
		return nil
	}
	other := &pgColumns{names: c.names, types: c.types, formats: make([]uint16, len(c.types))}
	for i := range other.formats {
		switch {
		case len(formats) == 1:
			other.formats[i] = formats[0]
		case i < len(formats):
			other.formats[i] = formats[i]
		}
	}
	return other
}

// column is the type and the format of a column; 0 and 0 when they are not known.
func (c *pgColumns) column(i int) (oid uint32, format uint16) {
	if c == nil || i >= len(c.types) {
		return 0, 0
	}
	return c.types[i], c.formats[i]
}

// readPgRow is a row's values; nil is NULL.
func readPgRow(body []byte) [][]byte {
	r := pgReader{b: body}
	n := r.uint16()
	row := make([][]byte, 0, min(int(n), len(body)/4))
	for range n {
		size := int32(r.uint32())
		switch {
		case r.failed:
			return row
		case size < 0:
			row = append(row, nil)
		default:
			row = append(row, r.take(int(size)))
		}
	}
	return row
}

// pgReader reads the fields of a message. What is not there reads as nothing.
type pgReader struct {
	b      []byte
	failed bool
}

func (r *pgReader) take(n int) []byte {
	if n > len(r.b) {
		r.failed, r.b = true, nil
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *pgReader) skip(n int) { r.take(n) }

func (r *pgReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *pgReader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *pgReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// bytes is a text up to its zero byte, or what is left.
func (r *pgReader) bytes() []byte {
	before, after, _ := bytes.Cut(r.b, []byte{0})
	r.b = after
	return before
}

func (r *pgReader) text() string { return string(r.bytes()) }
