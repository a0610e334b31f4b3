package sql

import "bytes"

// WithoutQuoted is a server's message without what it quotes and without numbers, any of which may be a value of the
// statement; question marks stand for them. Servers quote without escaping what they quote, so all between the first
// quote and the last goes.
func WithoutQuoted(message []byte) []byte {
	begin, end := quotes(message)
	out := appendWithoutNumbers(make([]byte, 0, len(message)), message[:begin])
	if begin == len(message) {
		return out
	}
	return appendWithoutNumbers(append(out, '?'), message[end:])
}

// quotes is where the first quote of a message begins and the last one ends: the whole rest when they are no pair, and
// the message's length twice when there is none. What PostgreSQL writes as KEY=(VALUES) counts as quoted.
func quotes(b []byte) (begin, end int) {
	begin, end = len(b), len(b)
	n, keyed := 0, false
	for i := range b {
		size := quoteAt(b, i, keyed)
		keyed = keyed || size == len("=(") && b[i] == '='
		if size == 0 {
			continue
		}
		if n == 0 {
			begin = i
		}
		n++
		end = i + size
	}
	if n == 1 || n > 1 && b[begin] < 0x80 && b[begin] != '=' && b[end-1] != b[begin] {
		end = len(b)
	}
	return begin, end
}

// quoteAt is the length of the quote at i, 0 when there is none. An apostrophe in a word is none. keyed says that there
// was a =( whose end is a bracket.
func quoteAt(b []byte, i int, keyed bool) int {
	switch b[i] {
	case '\'':
		if i > 0 && isLetter(b[i-1]) && i+1 < len(b) && isLetter(b[i+1]) {
			return 0
		}
		return 1
	case '"', '`':
		return 1
	case '=':
		if bytes.HasPrefix(b[i:], []byte("=(")) {
			return 2
		}
	case ')':
		if keyed {
			return 1
		}
	}
	for _, quote := range []string{"«", "»", "„", "“", "”", "‘", "’", "‚", "‹", "›", "「", "」"} {
		if bytes.HasPrefix(b[i:], []byte(quote)) {
			return len(quote)
		}
	}
	return 0
}

func appendWithoutNumbers(out, b []byte) []byte {
	for i := 0; i < len(b); {
		if !isDigit(b[i]) || i > 0 && isLetter(b[i-1]) {
			out = append(out, b[i])
			i++
			continue
		}
		out = append(out, '?')
		for i < len(b) && (isDigit(b[i]) || isLetter(b[i])) {
			i++
		}
	}
	return out
}
