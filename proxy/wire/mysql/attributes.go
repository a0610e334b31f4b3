package mysql

// behindAttributes finds the text of a statement, which attributes may precede when both sides know of them
// ("COM_QUERY", CLIENT_QUERY_ATTRIBUTES). ok is false when they do not end.
func behindAttributes(body []byte, capabilities uint64) (text []byte, ok bool) {
	if capabilities&capQueryAttributes == 0 {
		return body, true
	}
	p := payload{b: body}
	n := p.lenenc()
	p.lenenc() // sets, always 1
	if n == 0 || p.bad {
		return p.b, !p.bad
	}
	if n > uint64(len(p.b)) {
		return nil, false
	}
	null := p.take((n + 7) / 8)
	p.uint8() // types follow, always 1
	types := make([]byte, 0, min(n, 64))
	for range n {
		types = append(types, byte(p.uint16()))
		p.text() // the attribute's name
	}
	for i, t := range types {
		if p.bad || null[i/8]>>(i%8)&1 != 0 {
			continue
		}
		switch size, prefixed := valueSize(t); prefixed {
		case prefixByte:
			p.take(uint64(p.uint8()))
		case prefixLenenc:
			p.text()
		default:
			p.take(uint64(size))
		}
	}
	return p.b, !p.bad
}

// prefix is what says how long a value is.
type prefix uint8

const (
	prefixNone   prefix = iota // its type
	prefixByte                 // a byte before it
	prefixLenenc               // a number before it
)

// valueSize says how long a value of a type is in the binary protocol ("Binary Protocol Value").
func valueSize(fieldType byte) (size int, p prefix) {
	switch fieldType {
	case 0x01: // TINY
		return 1, prefixNone
	case 0x02, 0x0d: // SHORT, YEAR
		return 2, prefixNone
	case 0x03, 0x09, 0x04: // LONG, INT24, FLOAT
		return 4, prefixNone
	case 0x05, 0x08: // DOUBLE, LONGLONG
		return 8, prefixNone
	case 0x06: // NULL
		return 0, prefixNone
	case 0x07, 0x0a, 0x0b, 0x0c: // TIMESTAMP, DATE, TIME, DATETIME
		return 0, prefixByte
	}
	return 0, prefixLenenc
}
