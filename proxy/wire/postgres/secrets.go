package postgres

// secrets overwrites in values what is as good as a password and says so itself: what follows the word password with a
// sign of equality or a quote (conninfo strings, options, statements in pg_stat_activity), the verifiers that
// pg_authid holds (SCRAM-SHA-256$…, md5…), and the password in a postgresql:// address. It reads forward, and what it
// overwrites does not depend on how the value is cut.
type secrets struct {
	words  [4]uint8 // how much of each word was read
	awake  bool     // one of them has begun
	state  secretState
	uri    address
	before byte // the last byte
	digits uint8
	// found says that something was overwritten, ever.
	found bool
}

type secretState uint8

const (
	secretNone   secretState = iota
	secretWord               // behind the word password
	secretPrefix             // behind a letter that may begin a quote, as in E'
	secretRest               // all is secret, up to the end
	secretMD5                // hexadecimal digits are secret
)

// address is the place in a postgresql:// address.
type address uint8

const (
	addressNone address = iota
	addressUser         // before the colon or the at sign
	addressPassword
)

const (
	wordPassword = iota
	wordVerifier
	wordURI
	wordURILong
)

func secretWordAt(i int) string {
	switch i {
	case wordPassword:
		return "password"
	case wordVerifier:
		return "scram-sha-256$"
	case wordURI:
		return "postgres://"
	}
	return "postgresql://"
}

// begin says that a new value begins.
func (s *secrets) begin() { *s = secrets{found: s.found, before: '\n'} }

// blind says that bytes of the value were not seen: the rest of it is overwritten.
func (s *secrets) blind() { s.state = secretRest }

// line says that a value that lines divide is read: a secret ends with its line.
func (s *secrets) line() {
	if s.state == secretRest {
		s.state = secretNone
	}
}

// mask overwrites what is secret in the next bytes of a value. lines says that a secret ends with its line.
func (s *secrets) mask(b []byte, lines bool) {
	for i := 0; i < len(b); i++ {
		if s.state == secretNone && s.uri == addressNone && !s.awake {
			if n := quiet(b[i:]); n > 0 {
				s.before = b[i+n-1]
				i += n - 1 // what stands there is looked at anew
				continue
			}
		}
		c := b[i]
		if lines && c == '\n' {
			s.line()
		}
		if s.secret(c) {
			b[i] = 'x'
			s.found = true
		}
		s.before = c
	}
}

// secret reads a byte and says whether it is to be overwritten.
func (s *secrets) secret(c byte) bool {
	switch s.state {
	case secretRest:
		return true
	case secretMD5:
		if hexadecimal(c) && s.digits < 32 {
			s.digits++
			return true
		}
		s.state = secretNone
	case secretWord:
		s.behindWord(c)
	case secretPrefix:
		s.state = secretNone
		if c == '\'' || c == '&' {
			s.state = secretRest
		}
	}
	hidden := s.address(c)
	s.read(c) // a password may look like the beginning of something else
	return hidden
}

func (s *secrets) behindWord(c byte) {
	switch c {
	case ' ', '\t', '\n', '\r':
	case '=', ':', '\'', '"', '$':
		s.state = secretRest
	case 'e', 'E', 'u', 'U', 'b', 'B', 'x', 'X', 'n', 'N':
		s.state = secretPrefix
	default:
		s.state = secretNone
	}
}

// address reads a byte of an address and says whether it is of the password.
func (s *secrets) address(c byte) bool {
	switch {
	case s.uri == addressNone:
	case c == '@' || c == '/' || c <= ' ':
		s.uri = addressNone
	case s.uri == addressPassword:
		return true
	case c == ':':
		s.uri = addressPassword
	}
	return false
}

// read looks for the words.
func (s *secrets) read(c byte) {
	s.awake = false
	for i := range s.words {
		word := secretWordAt(i)
		n := int(s.words[i])
		for n > 0 && lower(c) != word[n] {
			n = border(word[:n])
		}
		if lower(c) == word[n] {
			n++
		}
		if n == len(word) {
			n = 0
			s.hit(i)
		}
		s.words[i] = uint8(n)
		s.awake = s.awake || n > 0
	}
	s.md5(c)
}

func (s *secrets) hit(word int) {
	switch word {
	case wordPassword:
		s.state = secretWord
	case wordVerifier:
		s.state = secretRest
	default:
		if s.uri == addressNone {
			s.uri = addressUser
		}
	}
}

// md5 looks for the letters md5 at the beginning of a value, a column or an element.
func (s *secrets) md5(c byte) {
	switch {
	case c == 'm' && starts(s.before):
		s.digits = 101
	case c == 'd' && s.digits == 101, c == '5' && s.digits == 102:
		if s.digits++; s.digits == 103 {
			s.state, s.digits = secretMD5, 0
		}
	default:
		s.digits = 0
	}
	s.awake = s.awake || s.digits > 100
}

// starts says whether a value may begin behind c.
func starts(c byte) bool {
	switch c {
	case '\n', '\t', ',', '"', '\'', '{', '(', ' ', '|':
		return true
	}
	return false
}

func hexadecimal(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }

// lower is a letter in lower case; what is no letter stays itself, or becomes what no word has.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// border is the length of the longest beginning of s, shorter than s, that is also its end.
func border(s string) int {
	for n := len(s) - 1; n > 0; n-- {
		if s[:n] == s[len(s)-n:] {
			return n
		}
	}
	return 0
}
