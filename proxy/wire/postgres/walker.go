package postgres

import "bytes"

// The programs of a walker: what a message's body consists of, one letter for each part. What comes behind the last part
// is overwritten.
const (
	partName      = 'n' // a text with an end (NUL), kept
	partMechanism = 'k' // the same; what no name of a SASL mechanism has is overwritten
	partPayload   = 'p' // the same, a value
	partText      = 's' // the same, SQL
	partFour      = '4' // four bytes, kept
	partFormats   = 'f' // a number of 16 bits, and as many numbers of 16 bits
	partValues    = 'v' // a number of 16 bits, and as many values, each behind its length of 32 bits
	partValue     = 'o' // one value behind its length
	partData      = 'd' // a value up to the end of the message
	partRest      = 'r' // all that is left, kept
	partMask      = 'm' // all that is left, overwritten
	partPassword  = 'x' // the same, but for an end (NUL) at the very end
	partFields    = 'e' // the fields of an error or a notice
	partAuth      = 'a' // what the server wants to know: a number of 32 bits, and what belongs to it
)

// texts overwrites what walkers find. Its calls are about the direction of the walker that it belongs to.
type texts interface {
	beginText()
	text(b []byte)
	endText()
	skipText(n uint64)
	beginValue()
	value(b []byte)
	skipValue()
	beginField(k byte)
	field(b []byte)
	auth(n uint32) (program string)
}

// walker goes through one message's body after the other and hands on what may be secret. When it does not know any
// more where it is, everything is overwritten up to the message's end.
type walker struct {
	texts   texts
	program string
	left    uint64 // bytes of the body
	phase   uint8  // within the part
	have    uint8  // bytes of a number
	number  uint32
	count   uint32 // bytes of a value that are still to come
	items   uint32 // values that are still to come
}

func (w *walker) begin(program string, size uint32) {
	w.program, w.left, w.phase = program, uint64(size), 0
	w.have, w.number = 0, 0
}

func (w *walker) next() { w.program, w.phase = w.program[1:], 0 }

// lost gives the message up.
func (w *walker) lost() { w.program, w.phase = string(partMask), 0 }

func (w *walker) mask(b []byte) {
	for len(b) > 0 {
		if w.program == "" {
			w.lost()
		}
		n := w.step(b)
		w.left -= uint64(n)
		b = b[n:]
	}
}

// step reads some of b, as the part says, and returns how many bytes.
func (w *walker) step(b []byte) int {
	switch w.program[0] {
	case partRest:
		return len(b)
	case partData:
		return w.data(b)
	case partName:
		n, whole := upToEnd(b)
		if whole {
			w.next()
		}
		return n
	case partText, partMechanism, partPayload:
		return w.string(b)
	case partFour:
		n, whole := w.read(b, 4)
		if whole {
			w.next()
		}
		return n
	case partFormats:
		return w.formats(b)
	case partValues, partValue:
		return w.values(b)
	case partFields:
		return w.fields(b)
	case partAuth:
		n, whole := w.read(b, 4)
		if whole {
			w.program, w.phase = w.texts.auth(w.number), 0
		}
		return n
	case partPassword:
		if n := len(b); uint64(n) == w.left && b[n-1] == 0 {
			overwrite(b[:n-1])
			return n
		}
	}
	overwrite(b)
	return len(b)
}

// gap goes on behind n bytes of the body that were not seen.
func (w *walker) gap(n uint32) {
	w.left -= uint64(n)
	part := byte(partMask)
	if w.program != "" {
		part = w.program[0]
	}
	switch {
	case part == partRest || part == partMask || part == partPassword:
	case part == partData:
		if w.phase == 0 {
			w.phase = 1
			w.texts.beginValue()
		}
		w.texts.skipValue()
	case part == partText && w.phase == 1:
		w.texts.skipText(uint64(n))
	case (part == partValues || part == partValue) && w.phase == 2 && n < w.count:
		w.count -= n
		w.texts.skipValue()
	default:
		w.lost()
	}
}

// end says that the message is over.
func (w *walker) end() {
	if w.program != "" && w.program[0] == partText && w.phase == 1 {
		w.texts.endText()
	}
}

func (w *walker) data(b []byte) int {
	if w.phase == 0 {
		w.phase = 1
		w.texts.beginValue()
	}
	w.texts.value(b)
	return len(b)
}

// string reads a text that ends with NUL.
func (w *walker) string(b []byte) int {
	part := w.program[0]
	if w.phase == 0 {
		w.phase = 1
		switch part {
		case partText:
			w.texts.beginText()
		case partPayload:
			w.texts.beginValue()
		}
	}
	n, whole := upToEnd(b)
	content := b[:n]
	if whole {
		content = b[:n-1]
	}
	switch part {
	case partText:
		w.texts.text(content)
	case partPayload:
		w.texts.value(content)
	default:
		maskMechanism(content)
	}
	if whole {
		if part == partText {
			w.texts.endText()
		}
		w.next()
	}
	return n
}

// fields reads the fields of an error: a letter and a text, and a NUL behind the last.
func (w *walker) fields(b []byte) int {
	if w.phase == 0 {
		if b[0] == 0 {
			w.next()
			return 1
		}
		w.phase = 1
		w.texts.beginField(b[0])
		return 1
	}
	n, whole := upToEnd(b)
	if whole {
		w.texts.field(b[:n-1])
		w.phase = 0
	} else {
		w.texts.field(b[:n])
	}
	return n
}

// read reads a number of size bytes.
func (w *walker) read(b []byte, size uint8) (n int, whole bool) {
	if w.have == 0 {
		w.number = 0
	}
	for n < len(b) && w.have < size {
		w.number = w.number<<8 | uint32(b[n])
		w.have++
		n++
	}
	if whole = w.have == size; whole {
		w.have = 0
	}
	return n, whole
}

// upToEnd is how many bytes of b are of a text, its end included, and whether it ends.
func upToEnd(b []byte) (n int, whole bool) {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return i + 1, true
	}
	return len(b), false
}

// maskMechanism overwrites what is not in the name of a SASL mechanism (RFC 4422, 3.1).
func maskMechanism(b []byte) {
	for i, c := range b {
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			b[i] = 'x'
		}
	}
}

func overwrite(b []byte) {
	for i := range b {
		b[i] = 'x'
	}
}
