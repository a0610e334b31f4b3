package redis

import "bytes"

// masks say what of an answer is overwritten.
type masks uint8

const (
	maskAll      masks = 1 << iota // every value
	maskPairs                      // the value behind the name of a secret
	maskRules                      // passwords and hashes in rules of users
	maskCommands                   // secrets in lists that are commands
	maskQuotes                     // of errors, what is quoted and what follows
	maskErrors                     // of errors, all but the first word
	maskValues                     // what is data
)

// masksOf says what of the answer to a command is overwritten.
func (j *judge) masksOf(rows bool) (m masks) {
	if j.authentication {
		if j.unseen {
			m = maskAll
		}
		switch j.verb {
		case verbACL:
			m |= maskRules | maskQuotes
			if string(j.sub) == "GENPASS" {
				m |= maskAll
			}
		case verbConfig, verbSentinel, verbModule:
			m |= maskPairs | maskQuotes
		case verbAuth, verbHello, verbMigrate, verbCommand:
			m |= maskQuotes
		case verbSlowlog:
			m |= maskCommands
		}
	}
	if j.parameters {
		m |= maskQuotes
		if j.verb == verbScript {
			m |= maskErrors
		}
	}
	if rows {
		m |= maskErrors
		switch j.verb {
		case verbOther, verbScript, verbMigrate, verbSubscribe, verbUnsubscribe, verbExec, verbSlowlog:
			m |= maskValues
		}
	}
	return m
}

// answerCover overwrites an answer as it comes.
type answerCover struct {
	judge judge // of lists that are commands, and of MONITOR's lines
	masks masks
	// subscription says that the list tells of one.
	subscription bool
	named        bool // the element before is the name of a secret
	how          answerClass
	cover        cover
	line         monitorLine
	alive        uint32 // the protocol's words that it may be
	found        bool   // the quote, the blank, the beginning of a secret
	after        byte   // the byte before
	at           int
	size         int64
	// elements are those of a list that is a command, -1 when its end is marked.
	elements int64
}

// answerClass is how a value is overwritten.
type answerClass uint8

const (
	answerOpen answerClass = iota
	answerHidden
	answerCovered // as an argument
	answerDigits  // digits become 0
	answerStatus  // all but the words of the protocol
	answerQuotes
	answerErrors
	answerRules
	answerMonitor
)

// open begins an aggregate.
func (a *answerCover) open(l *lexer, n int64) {
	a.named = false
	if a.masks&maskCommands != 0 && l.depth >= 2 {
		a.judge.restart()
		a.elements = n
	}
}

// begin decides over a value of n bytes.
func (a *answerCover) begin(l *lexer, kind byte, n int64, monitoring bool) {
	a.how, a.found, a.after, a.at = a.class(l, kind, n, monitoring), false, ' ', 0
	a.size, a.alive = n, ^uint32(1<<statusWords-1)
	if kind == '+' {
		a.alive = 1<<statusWords - 1
	}
	switch a.how {
	case answerMonitor:
		a.line.restart(&a.judge)
	case answerCovered:
		a.cover = cover{class: a.judge.class(int(a.elements)), size: n}
	}
}

func (a *answerCover) class(l *lexer, kind byte, n int64, monitoring bool) answerClass {
	m := a.masks
	switch kind {
	case '-', '!':
		switch {
		case m&(maskErrors|maskAll) != 0:
			return answerErrors
		case m&maskQuotes != 0:
			return answerQuotes
		}
		return answerOpen
	case ':', ',', '(':
		// How many subscriptions there are says which answer is whose.
		if m&(maskValues|maskAll) != 0 && (!a.subscription || l.depth != 1) {
			return answerDigits
		}
		return answerOpen
	case '#', '_':
		return answerOpen
	case '+':
		switch {
		case monitoring:
			return answerMonitor
		case m&(maskValues|maskAll) != 0:
			return answerStatus
		}
	}
	switch {
	case m&maskValues != 0 && l.depth == 1 && l.index() == 0:
		return answerStatus
	case m&(maskValues|maskAll) != 0, m&maskPairs != 0 && a.named, m&maskRules != 0 && kind != '+' && (n < 0 || n == hashLength):
		return answerHidden
	case m&maskCommands != 0 && m&maskRules != 0: // within EXEC: nobody knows which of them it is
		return answerHidden
	case m&maskCommands != 0 && l.depth > 2:
		return answerCovered
	case m&maskRules != 0:
		return answerRules
	}
	return answerOpen
}

// hashLength is that of a password's SHA-256 in hexadecimal digits, as ACL GETUSER tells it.
const hashLength = 64

// part overwrites the next bytes of the value.
func (a *answerCover) part(l *lexer, b []byte) {
	if l.kind == '=' { // of a verbatim string the format stays
		format := min(len(b), max(0, 4-a.at))
		a.at += format
		b = b[format:]
	}
	if a.how == answerMonitor && a.at == 0 && len(b) > 0 && (b[0] < '0' || b[0] > '9') {
		a.how = a.class(l, '+', -1, false) // the answer to a command
	}
	switch a.how {
	case answerHidden:
		fill(b)
	case answerCovered:
		a.cover.mask(b)
	case answerMonitor:
		a.at += len(b)
		a.line.mask(&a.judge, a.masks&maskValues != 0, b)
	case answerOpen:
	default:
		for i := range b {
			b[i] = a.byte(b[i])
		}
	}
}

// gap says that bytes of the value were not seen: where the secrets in what follows begin is not known.
func (a *answerCover) gap() {
	if a.how != answerOpen {
		a.how = answerHidden
	}
	if a.masks&maskCommands != 0 {
		a.judge.missed()
	}
}

// byte is what is kept of the next byte.
func (a *answerCover) byte(c byte) byte {
	before := a.after
	a.after = c
	a.at++
	switch a.how {
	case answerDigits:
		if '0' <= c && c <= '9' {
			return '0'
		}
		return c
	case answerStatus:
		words := protocolWords()
		a.alive = narrow(a.alive, words[:], a.at-1, a.size, c)
		a.found = a.alive == 0
	case answerQuotes:
		a.found = a.found || c == '\'' || c == '"' || c == '`'
		if c == '\'' || c == '"' || c == '`' {
			return c
		}
	case answerErrors:
		if !a.found && c == ' ' {
			a.found = true
			return c
		}
		a.found = a.found || !codeByte(c)
	case answerRules:
		if c == ' ' || c == '(' || c == ')' {
			a.found = false
		} else if before == ' ' && bytes.IndexByte([]byte("><#!"), c) >= 0 {
			a.found = true
			return c
		}
	}
	if a.found {
		return masked
	}
	return c
}

// protocolWords are the strings in answers that are no data.
func protocolWords() [14]string {
	return [...]string{
		"OK", "QUEUED", "PONG", "RESET", "message", "pmessage", "smessage", "subscribe", "psubscribe", "ssubscribe",
		"unsubscribe", "punsubscribe", "sunsubscribe", "invalidate",
	}
}

// statusWords is how many of them are lines; the others are the first of a list.
const statusWords = 4

// end goes on behind a value.
func (a *answerCover) end(l *lexer) {
	a.named = a.masks&maskPairs != 0 && l.index()%2 == 0 && (l.gap || secretName(l.word))
	if l.depth == 1 && l.index() == 0 {
		a.subscription = confirmation(l.word)
	}
	if a.how == answerCovered {
		a.judge.took(l.word)
	}
}
