package terminal

import (
	"unicode"
	"unicode/utf8"
)

// maxText is how many characters of one text are shown; the journal has the whole.
const maxText = 300

// appendText appends at most limit characters of s so that it is one piece of one line, whoever chose it: what is not
// visible becomes an escape. Bytes that are not UTF-8 and controls below U+0080 read \xNN, everything else \uNNNN, a
// backslash is doubled: so what is shown can be told from what was there. width is the columns that it takes, when
// each character takes one.
func appendText(dst []byte, s string, limit int) (_ []byte, width int) {
	start := len(dst)
	for i, count := 0, 0; i < len(s); count++ {
		if count == limit-1 && utf8.RuneCountInString(s[i:]) > 1 {
			dst = append(dst, "…"...)
			break
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = appendHex(append(dst, `\x`...), rune(s[i]), 2)
		case r == '\\':
			dst = append(dst, `\\`...)
		case visible(r):
			dst = append(dst, s[i:i+n]...)
		default:
			dst = appendEscape(dst, r)
		}
		i += n
	}
	return dst, utf8.RuneCount(dst[start:])
}

// visible says whether a person sees r and sees it where it stands. The two properties name what Unicode counts as a
// letter or a mark and yet draws as nothing.
func visible(r rune) bool {
	return unicode.IsPrint(r) &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

func appendEscape(dst []byte, r rune) []byte {
	switch {
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\t':
		return append(dst, `\t`...)
	case r < 0x80:
		return appendHex(append(dst, `\x`...), r, 2)
	case r <= 0xffff:
		return appendHex(append(dst, `\u`...), r, 4)
	default:
		return appendHex(append(dst, `\U`...), r, 8)
	}
}

func appendHex(dst []byte, r rune, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[r>>shift&15])
	}
	return dst
}
