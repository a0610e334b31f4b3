package sql

// dollars reads what begins with a dollar in PostgreSQL: $1, or a string between $tag$ and the same again. Inside the
// string the first bytes of what could be its closing tag are edges.
func (l *lexer) dollars(c byte) {
	switch l.state {
	case dollar:
		l.dollar(c)
	case inDollars:
		if c == '$' && !l.endless {
			l.edge, l.state, l.matched = true, maybeDollarsShut, 1
		}
	case maybeDollarsShut:
		l.shutting(c)
	}
}

func (l *lexer) dollar(c byte) {
	switch {
	case c == '$':
		l.kind, l.state, l.edge, l.digits = text, inDollars, true, false
	case isDigit(c) && l.tagLen == 0:
		l.state = inParam
	case isLetter(c) || isDigit(c):
		if l.tagLen == tagMax {
			l.endless = true
			return
		}
		l.tag[l.tagLen] = c
		l.tagLen++
	default:
		l.begin(c)
	}
}

func (l *lexer) shutting(c byte) {
	switch {
	case l.matched == l.tagLen+1 && c == '$':
		l.edge, l.state = true, between
	case l.matched <= l.tagLen && c == l.tag[l.matched-1]:
		l.edge = true
		l.matched++
	case c == '$':
		l.edge, l.matched = true, 1
	default:
		l.state = inDollars
	}
}

// pending takes the byte behind one that may begin a comment.
func (l *lexer) pending(c byte) {
	switch {
	case l.state == minus && c == '-' && l.mysql():
		// In MySQL white space must follow, so that 5--3 is 8.
		l.state = minusMinus
	case l.state == minus && c == '-':
		l.kind, l.state, l.edge = comment, inLine, true
	case l.state == minusMinus && isSpace(c):
		l.kind, l.state = comment, inLine
		l.inComment(c)
	case l.state == slash && c == '*':
		l.kind, l.state, l.edge, l.depth = comment, blockBegun, true, 1
		if !l.mysql() {
			l.state = inBlock
		}
	case l.state == star && c == '/':
		l.kind, l.state, l.edge, l.code = comment, between, true, false
	default:
		l.begin(c)
	}
}

// inComment reads comments. Those of PostgreSQL stand in each other; of MySQL's some are code: /*! and /*M!, with a
// version behind.
func (l *lexer) inComment(c byte) {
	switch l.state {
	case inLine:
		if c == '\n' || c == '\r' && !l.mysql() {
			l.state = between
		}
	case blockBegun, blockM:
		l.maybeCode(c)
	case blockVersion:
		if !isDigit(c) {
			l.begin(c)
			return
		}
		l.edge = true
	default:
		l.inBlock(c)
	}
}

func (l *lexer) maybeCode(c byte) {
	switch {
	case c == '!':
		l.edge, l.state, l.code = true, blockVersion, true
	case c == 'M' && l.state == blockBegun:
		l.state = blockM
	default:
		l.inBlock(c)
	}
}

func (l *lexer) inBlock(c byte) {
	was := l.state
	l.state = inBlock
	switch {
	case c == '*' && was == blockSlash:
		l.depth++
	case c == '*':
		l.state = blockStar
	case c == '/' && was == blockStar:
		l.edge = true
		l.depth--
		if l.depth == 0 {
			l.state = between
		}
	case c == '/' && !l.mysql():
		l.state = blockSlash
	}
}
