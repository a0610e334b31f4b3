package http

import (
	"bytes"

	"github.com/lodoor/lodoor/proxy/flow"
)

// target is what is told of a request's target, and the fingerprint of the operation.
func target(method string, raw []byte, how flow.Statements) (text string, fingerprint uint64) {
	if how == flow.StatementsOff {
		return "", 0
	}
	raw = bytes.Clone(raw)
	var c urlCover
	c.start(false)
	c.mask(raw)
	form := shape(origin(raw))
	fingerprint = hash(method + " " + string(form))
	if how == flow.StatementsText {
		return string(raw), fingerprint
	}
	return string(form), fingerprint
}

// origin is the target without scheme and authority.
func origin(raw []byte) []byte {
	i := bytes.Index(raw, []byte("://"))
	if i < 0 || bytes.ContainsAny(raw[:i], "/?#") {
		return raw
	}
	rest := raw[i+3:]
	if j := bytes.IndexAny(rest, "/?#"); j >= 0 {
		return rest[j:]
	}
	return []byte("/")
}

// shape replaces in a path what looks like a number, an identifier or a token, and the values of a query.
func shape(raw []byte) (to []byte) {
	path, query, asked := bytes.Cut(raw, []byte("?"))
	for i, segment := range bytes.Split(path, []byte("/")) {
		if i > 0 {
			to = append(to, '/')
		}
		to = appendSegment(to, segment)
	}
	if !asked {
		return to
	}
	to = append(to, '?')
	for i, parameter := range bytes.Split(query, []byte("&")) {
		if i > 0 {
			to = append(to, '&')
		}
		name, _, valued := bytes.Cut(parameter, []byte("="))
		to = appendSegment(to, name)
		if valued {
			to = append(to, "=?"...)
		}
	}
	return to
}

// appendSegment adds a segment of a path with its words judged one by one.
func appendSegment(to, segment []byte) []byte {
	if identifier(segment) {
		return append(to, '?')
	}
	start := 0
	for i := 0; i <= len(segment); i++ {
		if i < len(segment) && wordByte(segment[i]) {
			continue
		}
		if w := segment[start:i]; literal(w) {
			to = append(to, '?')
		} else {
			to = append(to, w...)
		}
		if i < len(segment) {
			to = append(to, segment[i])
		}
		start = i + 1
	}
	return to
}

// Lengths from which on a word is taken for what a machine made.
const (
	hexMin   = 8
	tokenMin = 20
)

// identifier says whether a whole segment is a UUID, a name at a host, or a token.
func identifier(s []byte) bool {
	if bytes.IndexByte(s, '@') > 0 {
		return true
	}
	if len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' {
		return allHex(bytes.ReplaceAll(s, []byte("-"), nil))
	}
	if len(s) < tokenMin {
		return false
	}
	digits, upper, lower := kinds(s)
	for _, c := range s {
		if !wordByte(c) && c != '-' && c != '_' && c != '=' {
			return false
		}
	}
	return digits > 0 && upper+lower > 0 && (upper > 0 && lower > 0 || 4*digits > len(s))
}

// literal says whether a word is a number or a hexadecimal identifier.
func literal(w []byte) bool {
	digits, _, _ := kinds(w)
	switch {
	case len(w) == 0:
		return false
	case digits == len(w), bytes.IndexByte(w, '%') >= 0:
		return true
	}
	return len(w) >= hexMin && digits > 0 && allHex(w) || len(w) >= tokenMin && digits > 0
}

func kinds(w []byte) (digits, upper, lower int) {
	for _, c := range w {
		switch {
		case digit(c):
			digits++
		case 'A' <= c && c <= 'Z':
			upper++
		case 'a' <= c && c <= 'z':
			lower++
		}
	}
	return digits, upper, lower
}

func allHex(w []byte) bool {
	for _, c := range w {
		if _, ok := nibble(c); !ok {
			return false
		}
	}
	return true
}

// wordByte says whether a byte is within a word: what is not ASCII and what is escaped is.
func wordByte(c byte) bool {
	return digit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '%' || c >= 0x80
}

// hash is the 64-bit FNV-1a hash of a text. 0 would be none.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return max(h, 1)
}
