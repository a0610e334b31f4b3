package redis

import "strconv"

// form is how a command is told without its arguments.
type form struct {
	name, text  string
	fingerprint uint64
}

// Bounds of what is remembered of forms, and of the arguments that are told.
const (
	formsMax     = 256
	argumentsMax = 8
)

// forms remembers the forms that a connection used, so that a command like another costs nothing.
type forms struct {
	known map[string]form
	key   []byte
}

// find is the form of a command: its name, and a question mark for each argument. From argumentsMax on they are told by
// an ellipsis, so that lists of any length are alike.
func (f *forms) find(q *question) form {
	key := append(f.key[:0], q.name...)
	arguments := q.args - 1
	if len(q.sub) > 0 {
		key = append(append(key, ' '), q.sub...)
		arguments--
	}
	name := len(key)
	key = append(key, 0)
	key = strconv.AppendInt(key, int64(min(arguments, argumentsMax+1)), 10)
	f.key = key
	if known, ok := f.known[string(key)]; ok {
		return known
	}
	text := append([]byte(nil), key[:name]...)
	for range min(arguments, argumentsMax) {
		text = append(text, " ?"...)
	}
	if arguments > argumentsMax {
		text = append(text, " ..."...)
	}
	made := form{name: string(key[:name]), text: string(text)}
	made.fingerprint = fingerprint(made.text)
	if f.known == nil {
		f.known = map[string]form{}
	}
	if len(f.known) < formsMax {
		f.known[string(key)] = made
	}
	return made
}

// fingerprint is the 64-bit FNV-1a hash of a text. 0 would be none.
func fingerprint(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return max(h, 1)
}

// quote adds a word as redis-cli would take it: bare, or in double quotes with escapes.
func quote(to, w []byte) []byte {
	if bare(w) {
		return append(to, w...)
	}
	const digits = "0123456789abcdef"
	to = append(to, '"')
	for _, c := range w {
		switch {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c == '\n':
			to = append(to, `\n`...)
		case c == '\r':
			to = append(to, `\r`...)
		case c == '\t':
			to = append(to, `\t`...)
		case c < ' ' || c > '~':
			to = append(to, '\\', 'x', digits[c>>4], digits[c&15])
		default:
			to = append(to, c)
		}
	}
	return append(to, '"')
}

func bare(w []byte) bool {
	for _, c := range w {
		if c <= ' ' || c > '~' || c == '"' || c == '\'' || c == '\\' {
			return false
		}
	}
	return len(w) > 0
}
