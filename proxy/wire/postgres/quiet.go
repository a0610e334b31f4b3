package postgres

import "bytes"

// longestWord is how many bytes the longest word of secrets has, window how many are looked through at once.
const (
	longestWord = len("scram-sha-256$")
	window      = 1 << 10
)

// quiet is how many bytes of b pass before one at which a word of secrets may begin. It may say less.
func quiet(b []byte) int {
	if len(b) >= 4*longestWord {
		return quietLarge(b[:min(len(b), window)])
	}
	for i, c := range b {
		switch c {
		case 'p', 'P':
			if begins(b[i:], "password") || begins(b[i:], "postgres") {
				return i
			}
		case 's', 'S':
			if begins(b[i:], "scram") {
				return i
			}
		case 'm':
			if begins(b[i:], "md5") {
				return i
			}
		}
	}
	return len(b)
}

// quietLarge looks for the rarest byte of each word instead of the first. What stands so near to the end of b that a
// word may be cut there is not passed.
func quietLarge(b []byte) int {
	end := len(b) - longestWord
	for _, anchor := range []struct {
		c      byte
		before string
	}{{'w', "pass"}, {'W', "pass"}, {'$', "scram-sha-256"}, {'/', "postgres:"}, {'/', "postgresql:"}} {
		end = before(b[:end+longestWord], anchor.c, anchor.before, end)
	}
	if i := bytes.Index(b[:end], []byte("md5")); i >= 0 {
		end = i
	}
	return end
}

// before is where in b a word begins that has a byte c behind its beginning, or end when there is none before that.
func before(b []byte, c byte, beginning string, end int) int {
	for i := 0; i < len(b); i++ {
		n := bytes.IndexByte(b[i:], c)
		if n < 0 {
			break
		}
		i += n
		if at := i - len(beginning); at >= 0 && begins(b[at:], beginning) && b[at]|0x20 == beginning[0] {
			return min(at, end)
		}
	}
	return end
}

// begins says whether b, whose first byte was looked at, begins with a word in whatever case, or is the beginning of it.
func begins(b []byte, word string) bool {
	for i := 1; i < len(word) && i < len(b); i++ {
		if b[i]|0x20 != word[i]|0x20 {
			return false
		}
	}
	return true
}
