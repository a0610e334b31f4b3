package mysql

import "strings"

// messageMax is how long a server's messages are, at most (MYSQL_ERRMSG_SIZE); a longer one, or one of that length, may
// lack its end.
const messageMax = 512

// withoutQuoted is a server's message with everything from the first quote to the last replaced by a question mark.
func withoutQuoted(message string) string {
	first := nextQuote(message)
	if first < 0 {
		return message
	}
	last := len(message)
	if len(message) < messageMax-16 {
		last = first + 1
		for {
			n := nextQuote(message[last:])
			if n < 0 {
				break
			}
			last += n + 1
		}
	}
	return message[:first] + "?" + message[last:]
}

// nextQuote finds a quote that is not the apostrophe of a word such as doesn't; -1 when there is none.
func nextQuote(s string) int {
	for from := 0; ; {
		n := strings.IndexAny(s[from:], "'\"`")
		if n < 0 {
			return -1
		}
		n += from
		if !apostrophe(s, n) {
			return n
		}
		from = n + 1
	}
}

// apostrophe says whether s has n't at i-1, with a letter before it and a space or the end behind it.
func apostrophe(s string, i int) bool {
	return s[i] == '\'' && i >= 2 && letter(s[i-2]) && s[i-1] == 'n' && i+1 < len(s) && s[i+1] == 't' &&
		(i+2 == len(s) || s[i+2] == ' ')
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
