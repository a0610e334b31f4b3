package postgres

import (
	"time"

	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// ask is what a backend answers in the order in which it was asked.
type ask uint8

const (
	askLogin    ask = iota
	askQuery        // a simple query: answers for each of its statements, then ReadyForQuery
	askFunction     // a function call, then ReadyForQuery
	askPrepare      // Parse of a statement with a name
	askExecute
	askSync // ReadyForQuery
)

// question is something that was asked and not answered yet.
type question struct {
	ask    ask
	stmt   *sql.Statement // nil when it is not known
	since  time.Time      // when its first byte was read
	asked  time.Duration  // from there to its last byte
	bytes  uint64
	parses int  // askPrepare: how many ParseComplete come before it is answered
	named  bool // askExecute: of a statement with a name
	// copied says that the client has ended a COPY: of an Execute its own, of a Sync one between it and the Execute before.
	copied bool
	// text is how many bytes of text it keeps, beside those that a name keeps anyway.
	text int
	// answered says that what was asked was told already, or a part of it.
	answered bool
}

// ready says whether its answer ends with ReadyForQuery.
func (q *question) ready() bool { return q.ask != askPrepare && q.ask != askExecute }

// questionsMax is how many questions are remembered; of pipelines that are longer the rest is told without texts.
const questionsMax = 4096

// questionsTextMax is how many bytes their texts have together. Beyond it they are remembered without a text.
const questionsTextMax = 1 << 20

// questions wait for their answers, the oldest first.
type questions struct {
	list []question
	head int
	// lost are those answers of ReadyForQuery that belong to questions which are not remembered; open says that there are
	// more such questions behind the last of them.
	lost int
	open bool
	text int // bytes of all texts
}

func (q *questions) front() *question {
	if q.head == len(q.list) {
		return nil
	}
	return &q.list[q.head]
}

// back is the one that was asked last.
func (q *questions) back() *question {
	if q.head == len(q.list) || q.blind() {
		return nil
	}
	return &q.list[len(q.list)-1]
}

// blind says that some that were asked are not remembered.
func (q *questions) blind() bool { return q.lost > 0 || q.open }

func (q *questions) push(n question) {
	if q.blind() || len(q.list)-q.head >= questionsMax {
		if q.open = !n.ready(); !q.open {
			q.lost++
		}
		return
	}
	if n.stmt != nil && !n.named && n.ask != askPrepare {
		n.text = len(n.stmt.Text)
	}
	if q.text+n.text > questionsTextMax {
		n.stmt, n.text = nil, 0
	}
	q.text += n.text
	if len(q.list) == cap(q.list) && q.head > len(q.list)/2 {
		q.list = q.list[:copy(q.list, q.list[q.head:])]
		q.head = 0
	}
	q.list = append(q.list, n)
}

func (q *questions) pop() {
	q.text -= q.list[q.head].text
	q.list[q.head] = question{}
	if q.head++; q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
		if cap(q.list) > 64 {
			q.list = nil
		}
	}
}

// passOver takes the Sync messages out that stand behind the first question and were sent before the end of its COPY. It
// returns the first question.
func (q *questions) passOver() *question {
	first := q.list[q.head]
	for _, next := range q.list[q.head+1:] {
		if next.ask != askSync || next.copied {
			first.copied = first.copied || next.copied
			break
		}
		first.bytes += next.bytes
		q.text -= next.text
		q.list[q.head] = question{}
		q.head++
	}
	q.list[q.head] = first
	return &q.list[q.head]
}
