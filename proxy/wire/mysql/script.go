package mysql

import (
	"bytes"
	"math"
)

// script walks through the fields of one packet as its bytes come, and overwrites those that are secret. What comes next
// may depend on what a field said.
type script struct {
	recipe recipe
	step   int
	field  field
	left   uint64 // of the field
	number uint64 // what the last field that was read says, the less significant byte first
	shift  uint
	text   []byte // the beginning of the last text that was read
	values values
	quoted bool // a quote has been seen in a message
}

// field is a part of a packet.
type field struct {
	n    uint64 // bytes
	nul  bool   // up to a NUL and with it; n means nothing
	mask mask
	take take
}

// theRest is the length of a packet's last field.
const theRest = math.MaxUint64

// mask is what becomes of a field's bytes.
type mask uint8

const (
	maskNone      mask = iota
	maskAll            // all of them
	maskNonzero        // all but NULs
	maskStatement      // what is secret in a statement
	maskEcho           // what was secret in a statement before
	maskQuoted         // from the first quote on
)

// take is what is remembered of a field.
type take uint8

const (
	takeNothing take = iota
	takeNumber       // its value
	takeLenenc       // its value; the first byte says how many more there are, and NULL is 0
	takeText         // its beginning, as it was
	takeNulls        // which values are not there
	takeTypes        // of which types they are
)

// textRemembered is how much of a text is.
const textRemembered = 64

// begin starts with a packet.
func (s *script) begin(r recipe) {
	*s = script{recipe: r, text: s.text[:0], values: values{nulls: s.values.nulls[:0], types: s.values.types[:0]}}
}

// run takes the next bytes of the packet.
func (r *Redactor) run(s *script, b []byte) {
	for len(b) > 0 {
		for s.left == 0 && !s.field.nul {
			s.enter(r)
		}
		n := s.part(b)
		s.remember(b[:n])
		r.cover(s, b[:n])
		b = b[n:]
	}
}

// enter begins the next field.
func (s *script) enter(r *Redactor) {
	s.field = r.next(s)
	s.step++
	s.left = s.field.n
	switch s.field.take {
	case takeNumber, takeLenenc:
		s.number, s.shift = 0, 0
	case takeText:
		s.text = s.text[:0]
	}
	switch s.field.mask {
	case maskStatement:
		r.beginStatement()
	case maskEcho:
		r.echoes.Begin()
	}
}

// part says how much of b is of the field.
func (s *script) part(b []byte) (n int) {
	if s.field.nul {
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			return len(b)
		}
		s.field.nul = false
		return i + 1
	}
	if s.left == theRest {
		return len(b)
	}
	n = int(min(s.left, uint64(len(b))))
	s.left -= uint64(n)
	return n
}

// remember takes what a field says.
func (s *script) remember(b []byte) {
	switch s.field.take {
	case takeText:
		s.text = append(s.text, b[:min(len(b), textRemembered-len(s.text))]...)
	case takeNulls:
		s.values.nulls = append(s.values.nulls, b...)
	case takeTypes:
		s.values.types = append(s.values.types, b...)
	case takeNumber:
		s.count(b)
	case takeLenenc: // b is its first byte
		s.field.take = takeNumber
		if s.left = uint64(lenencMore(b[0])); s.left == 0 && b[0] != headInfile {
			s.count(b)
		}
	}
}

func (s *script) count(b []byte) {
	for _, c := range b {
		s.number |= uint64(c) << s.shift
		s.shift += 8
	}
}

// cover overwrites bytes of the field.
func (r *Redactor) cover(s *script, b []byte) {
	switch s.field.mask {
	case maskAll:
		fill(b)
	case maskNonzero:
		for i, c := range b {
			if c != 0 {
				b[i] = 'x'
			}
		}
	case maskStatement:
		r.words.read(b)
		r.masker.Mask(b)
	case maskEcho:
		r.echoes.Mask(b)
	case maskQuoted:
		for i, c := range b {
			if s.quoted {
				b[i] = 'x'
			}
			s.quoted = s.quoted || c == '\'' || c == '"' || c == '`'
		}
	}
}

func fill(b []byte) {
	for i := range b {
		b[i] = 'x'
	}
}

// skip passes over bytes that were not seen. When they were more than the field, nobody knows what comes next, and it is
// overwritten.
func (r *Redactor) skip(s *script, n uint64) {
	switch {
	case s.field.nul, n > s.left:
		s.field, s.left = field{mask: maskAll}, theRest
	case s.field.mask == maskStatement:
		r.masker.Skip(n)
		r.words.found = true
	case s.left != theRest:
		s.left -= n
	}
	if s.field.take != takeNothing || s.field.mask == maskEcho { // it was not seen what they are
		s.field, s.left = field{mask: maskAll}, theRest
	}
}
