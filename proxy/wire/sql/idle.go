package sql

import "bytes"

// reach is how far back a judge looks inside a string: no word for a secret is longer.
const reach = 16

// idle is how many of the next bytes can be passed over: they stand inside a string, are not secret, and make nothing
// else secret. It is asked before each byte. When there are many that no word for a secret can have begun in, the judge is
// given the first few, where one may end, and the last few, where one may begin, and passes over the rest.
func (j *judge) idle(b []byte) int {
	if j.calm < reach {
		return 0
	}
	known := j.dull
	j.calm, j.dull = 0, 0 // whatever comes of it, not again at once
	switch {
	case j.hot || j.inner || j.url != 0:
		return 0
	case known > 0:
		j.word.reset()
		return known - 2*reach
	}
	if n := j.dullAhead(b); n >= 4*reach {
		j.dull = n
	}
	return 0
}

// dullAhead is how many of the next bytes stand inside the string and have nothing to tell.
func (j *judge) dullAhead(b []byte) int {
	switch j.lex.state {
	case inString:
		b = b[:before(b, j.lex.quote)]
		if j.lex.escapes {
			b = b[:before(b, '\\')]
		}
	case inDollars:
		b = b[:before(b, '$')]
	default:
		return 0
	}
	return dull(b)
}

// before is how many bytes there are before the first c.
func before(b []byte, c byte) int {
	if i := bytes.IndexByte(b, c); i >= 0 {
		return i
	}
	return len(b)
}

// dull is how many bytes there are before what may be a word for a secret, or an address. All that letters.secret knows
// have in them, behind their first letter, one of the letters below with these neighbours.
func dull(b []byte) int {
	for i := 1; i < len(b)-1; i++ {
		switch c := b[i]; c {
		case ':':
			if b[i+1] == '/' {
				return i
			}
		case 'w', 'W', 'f', 'F', 'r', 'R', 'p', 'P':
			if tells(b[i-1]|0x20, c|0x20, b[i+1]|0x20) {
				return i
			}
		}
	}
	return len(b)
}

func tells(left, c, right byte) bool {
	switch c {
	case 'w': // paSSWord, paSSWd, PWD
		return left == 's' || right == 'd'
	case 'f': // identIFIed
		return left == 'i' && right == 'i'
	case 'r': // seCREt, CREdential
		return left == 'c' && right == 'e'
	default: // pasSPHrase
		return left == 's' && right == 'h'
	}
}
