package redis

import (
	"github.com/lodoor/lodoor/proxy/flow"
)

// question is a command as a decoder reads it.
type question struct {
	judge
	lexer *lexer
	whole bool // its text is wanted
	count int
	cover cover
	text  []byte
	cut   bool
}

func (q *question) restart() {
	q.judge.restart()
	q.text, q.cut = q.text[:0], false
}

func (q *question) open(_ byte, n int64) { q.count = int(n) }

// begin decides how much of an argument is kept.
func (q *question) begin(_ byte, n int64) {
	l := q.lexer
	l.keep = 0
	if q.args < 2 || q.verb != verbOther {
		l.keep = noteMax
	}
	if q.whole {
		l.keep = flow.OperationTextMax
		q.cover = cover{class: q.class(q.count), size: n}
	}
}

func (q *question) part([]byte) {}

func (q *question) end() {
	l := q.lexer
	if l.kind != '$' { // a list that is none
		return
	}
	q.took(l.word)
	if !q.whole {
		return
	}
	q.cover.mask(l.word)
	if len(q.text) > 0 {
		q.text = append(q.text, ' ')
	}
	q.text = quote(q.text, l.word)
	if q.cut = q.cut || uint64(len(l.word)) < l.size || len(q.text) > flow.OperationTextMax; q.cut {
		q.text = q.text[:min(len(q.text), flow.OperationTextMax)]
	}
}

func (q *question) shut() {}

// kind is what of [flow.Operation] the command is.
func (q *question) kind() string {
	switch {
	case q.notes.login:
		return "login"
	case q.verb == verbSubscribe, q.verb == verbUnsubscribe:
		return "subscribe"
	case q.verb == verbSync:
		return "replication"
	}
	return ""
}
