package channel

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// escapeInvisible writes what a person does not see as escapes. In JSON such characters are only found in strings,
// where an escape means the same.
func escapeInvisible(body []byte) []byte {
	out := make([]byte, 0, len(body))
	for len(body) > 0 {
		r, n := utf8.DecodeRune(body)
		switch high, low := utf16.EncodeRune(r); {
		case r == utf8.RuneError && n == 1: // not UTF-8: the byte itself may be a control of a terminal
			out = append(out, `\ufffd`...)
		case visible(r):
			out = append(out, body[:n]...)
		case high != unicode.ReplacementChar:
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		body = body[n:]
	}
	return out
}

// plain is a text in one line that hides nothing: what is not visible, a newline among it, is written as in JSON. It is
// for where no encoding does that.
func plain(text string) string { return string(escapeInvisible([]byte(text))) }

// harmless is a text in which chat services find nothing to act upon: no mention (@everyone, <!channel>), no entity, no
// link under other words. Look-alikes stand there instead, since every service escapes in another way, and some in none.
func harmless(text string) string {
	return strings.NewReplacer("@", "＠", "<", "＜", ">", "＞", "&", "＆", "](", "] (").Replace(text)
}

// cut is the beginning of a text that is too long.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

func visible(r rune) bool {
	return unicode.IsPrint(r) &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
