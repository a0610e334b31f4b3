package sql

// kind is what a byte is part of.
type kind uint8

const (
	blank   kind = iota
	comment      // its marks included
	word         // a keyword, or an identifier without quotes
	name         // an identifier in quotes
	text         // a string, the letter before it included
	number
	param // $1, ?; also a $ that is nothing else
	mark  // an operator's character, or punctuation: each is a token
)

// lexer tells tokens apart, a byte at a time. A token's kind can change while it grows: a mark becomes a comment, a word
// a string. After step, kind is that of the token with the byte, fresh says that the token begins with it, and edge that
// the byte is a quote, or a mark of a comment, and not what stands inside.
type lexer struct {
	kind  kind
	fresh bool
	edge  bool

	dialect Dialect
	state   state
	quote   byte // that ends a string
	escapes bool // a backslash in the string is one
	digits  bool // the string is hexadecimal or binary
	length  int  // of the word
	last    byte // of the word or number
	depth   int  // of comments in each other
	code    bool // inside /*! */, which MySQL runs

	tag     [tagMax]byte // of dollar quotes, between the dollars
	tagLen  int
	matched int  // bytes of the closing tag, the first dollar included
	endless bool // the tag is too long to be remembered: the string has no end
}

const tagMax = 64

type state uint8

const (
	between state = iota
	inWord
	inNumber
	inParam
	inString
	inEscape
	maybeShut // a quote that ends a string unless another follows
	dollar    // behind the first $
	inDollars
	maybeDollarsShut
	minus
	minusMinus
	slash
	star
	inLine
	blockBegun
	blockM
	blockVersion
	inBlock
	blockStar
	blockSlash
)

func (l *lexer) mysql() bool { return l.dialect == MySQL || l.dialect == MySQLNoEscapes }

func (l *lexer) step(c byte) {
	l.fresh, l.edge = false, false
	switch l.state {
	case between:
		l.begin(c)
	case inWord:
		l.inWord(c)
	case inNumber:
		l.inNumber(c)
	case inParam:
		if !isDigit(c) {
			l.begin(c)
		}
	case inString:
		l.inString(c)
	case inEscape:
		l.state = inString
	case maybeShut:
		if c != l.quote {
			l.begin(c)
			return
		}
		l.edge, l.state = true, inString
	case dollar, inDollars, maybeDollarsShut:
		l.dollars(c)
	case minus, minusMinus, slash, star:
		l.pending(c)
	default:
		l.inComment(c)
	}
}

// begin takes the first byte of a token.
func (l *lexer) begin(c byte) {
	l.fresh, l.state = true, between
	switch {
	case isSpace(c):
		l.kind = blank
	case isLetter(c), c == '$' && l.mysql():
		l.kind, l.state, l.length, l.last = word, inWord, 1, c
	case isDigit(c):
		l.kind, l.state, l.length, l.last = number, inNumber, 1, c
	default:
		l.beginSign(c)
	}
}

func (l *lexer) beginSign(c byte) {
	l.kind = mark
	switch {
	case c == '\'':
		l.open(c, l.dialect == MySQL || l.dialect == PostgreSQLEscapes)
	case c == '"' && l.mysql():
		l.open(c, l.dialect == MySQL)
	case c == '"', c == '`' && l.mysql():
		l.open(c, false)
		l.kind = name
	case c == '$':
		l.kind, l.state, l.edge, l.tagLen, l.endless = param, dollar, true, 0, false
	case c == '?':
		l.kind = param
	case c == '-':
		l.state = minus
	case c == '/':
		l.state = slash
	case c == '*' && l.code:
		l.state = star
	case c == '#' && l.mysql():
		l.kind, l.state, l.edge = comment, inLine, true
	}
}

// open begins a string, or an identifier in quotes.
func (l *lexer) open(quote byte, escapes bool) {
	l.kind, l.state, l.edge, l.quote, l.escapes, l.digits = text, inString, true, quote, escapes, false
}

func (l *lexer) inWord(c byte) {
	switch {
	case isLetter(c), isDigit(c), c == '$':
		l.length++
	case c == '\'' && l.prefix():
		l.open(c, l.dialect == MySQL || l.dialect == PostgreSQLEscapes || l.last|0x20 == 'e' && !l.mysql())
		l.digits = l.last|0x20 == 'x' || l.last|0x20 == 'b'
	default:
		l.begin(c)
	}
}

// prefix says whether the word belongs to a string right behind it: E, N, B and X, and MySQL's character sets. last is
// still the word's first byte.
func (l *lexer) prefix() bool {
	switch l.last | 0x20 {
	case 'n', 'b', 'x':
		return l.length == 1
	case 'e':
		return l.length == 1 && !l.mysql()
	}
	return l.last == '_' && l.mysql()
}

func (l *lexer) inNumber(c byte) {
	exponent := (c == '+' || c == '-') && l.last|0x20 == 'e'
	if !isDigit(c) && !isLetter(c) && c != '.' && !exponent {
		l.begin(c)
		return
	}
	l.last = c
}

func (l *lexer) inString(c byte) {
	switch {
	case c == l.quote:
		l.edge, l.state = true, maybeShut
	case c == '\\' && l.escapes:
		l.state = inEscape
	}
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' || c == 0 }

func isDigit(c byte) bool { return c-'0' < 10 }

// isLetter says whether an identifier can begin with c; all bytes of other alphabets are letters.
func isLetter(c byte) bool { return (c|0x20)-'a' < 26 || c == '_' || c >= 0x80 }
