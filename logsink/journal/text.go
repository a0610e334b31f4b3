package journal

import (
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// appendText appends s as a JSON string in which everything that is not visible is an escape: controls, bidirectional
// marks, line separators, tags, variation selectors, unassigned and private characters. What a peer chose can thus
// neither end a line nor colour, hide or turn round a part of it, in the file or on a terminal.
//
// Each byte that is not UTF-8 becomes an escaped U+FFFD; whole is then false, and the caller has to keep s elsewhere.
func appendText(dst []byte, s string) (_ []byte, whole bool) {
	dst, whole = append(dst, '"'), true
	start := 0
	for i := 0; i < len(s); {
		if plainByte(s[i]) {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		broken := r == utf8.RuneError && n == 1
		if n > 1 && visible(r) {
			i += n
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscape(dst, r)
		whole = whole && !broken
		i += n
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"'), whole
}

// plainByte says whether b is an ASCII character that stands for itself in a JSON string.
func plainByte(b byte) bool { return b >= ' ' && b < 0x7f && b != '"' && b != '\\' }

// visible says whether a person sees r and sees it where it stands. The two properties name what Unicode counts as a
// letter or a mark and yet draws as nothing.
func visible(r rune) bool {
	return unicode.IsPrint(r) &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

func appendEscape(dst []byte, r rune) []byte {
	if r == '"' || r == '\\' {
		return append(dst, '\\', byte(r))
	}
	if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
		return appendUnit(appendUnit(dst, high), low)
	}
	return appendUnit(dst, r)
}

func appendUnit(dst []byte, u rune) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[u>>12&15], digits[u>>8&15], digits[u>>4&15], digits[u&15])
}
