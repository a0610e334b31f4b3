package redis

import (
	"errors"
	"fmt"

	"github.com/lodoor/lodoor/proxy/flow"
)

// outstandingMax is how many unanswered commands are remembered one by one. Those behind them are counted.
const outstandingMax = 4096

// waitingTextMax is how many bytes the texts of waiting commands have together. Beyond it they are told without a text.
const waitingTextMax = 1 << 20

// asked is a command that waits for its answer.
type asked struct {
	verb   verb
	args   int
	name   [2]byte // the first letters of its name: which of the three kinds of subscriptions it is about
	count  int     // how many commands it stands for; more than 1 once too many wait
	left   int64   // confirmations to come; 0 when it has not been counted yet
	silent bool    // CLIENT REPLY: nobody answers it
	plain  bool    // nothing follows from it
	change *notes
	masks  masks           // of its answer, for a redactor
	op     *flow.Operation // for a decoder
	text   int             // bytes of its text
}

// talk pairs answers with commands, which Redis answers in their order, and knows the state of the session.
type talk struct {
	waiting []asked // a ring
	first   int
	n       int
	text    int // bytes of all texts

	off, skip  bool // CLIENT REPLY OFF and SKIP
	monitoring bool
	// channels and patterns are what the client subscribed to, total and shard what the server said last.
	channels, patterns, total, shard int64

	transaction string
	queued      []notes // of commands that wait for EXEC
	since       masks   // of the answers to the commands behind MULTI
	database    string
	user, label string
	login       bool
}

// head is the command whose answer comes next; nil when there is none.
func (t *talk) head() *asked {
	if t.n == 0 {
		return nil
	}
	return &t.waiting[t.first]
}

// last is the command that was added last.
func (t *talk) last() *asked { return &t.waiting[(t.first+t.n-1)%len(t.waiting)] }

// newTalk is the talk of a new connection.
func newTalk() talk { return talk{transaction: idleTransaction, database: "0"} }

// ask adds a command. Of those behind outstandingMax others, neighbours that change nothing are counted together: then
// counted is true.
func (t *talk) ask(r *request) (a *asked, counted bool, err error) {
	silent, plain := t.quiet(r), r.plain()
	if t.n > outstandingMax && plain {
		if a = t.last(); a.plain && a.silent == silent {
			a.count++
			return a, true, nil
		}
	}
	if t.n == 2*outstandingMax {
		return nil, false, fmt.Errorf("more than %d commands without an answer", t.n)
	}
	if t.n == len(t.waiting) {
		t.grow()
	}
	t.n++
	a = t.last()
	*a = asked{verb: r.verb, args: r.args, count: 1, silent: silent, plain: plain}
	copy(a.name[:], r.name)
	if r.notes != (notes{}) {
		n := r.notes
		a.change = &n
	}
	return a, false, nil
}

// operate notes the operation of a command.
func (t *talk) operate(a *asked, op *flow.Operation) {
	if t.text+len(op.Text) > waitingTextMax {
		op.Text, op.Cut = "", true
	}
	a.op, a.text = op, len(op.Text)
	t.text += a.text
}

// cover notes what of the answer to a command is overwritten; EXEC's has those of what it runs.
func (t *talk) cover(a *asked, v verb, m masks) {
	if v == verbMulti {
		t.since = 0
	}
	t.since |= m
	if v == verbExec {
		m |= t.since
	}
	a.masks |= m
}

// grow makes room in the ring.
func (t *talk) grow() {
	ring := make([]asked, max(4, 2*len(t.waiting)))
	for i := range t.n {
		ring[i] = t.waiting[(t.first+i)%len(t.waiting)]
	}
	t.waiting, t.first = ring, 0
}

// quiet says whether nobody will answer a command (CLIENT REPLY), which the server decides in the order of commands.
func (t *talk) quiet(r *request) bool {
	if r.verb == verbReset {
		t.off, t.skip = false, false
	}
	silent := t.off || t.skip
	t.skip = false
	if r.verb == verbClientReply && r.args == 3 {
		switch {
		case r.off:
			t.off, silent = true, true
		case r.skip:
			t.skip, silent = !t.off, true
		default:
			t.off, silent = false, false
		}
	}
	return silent
}

// meaning is what an answer is.
type meaning uint8

const (
	answers      meaning = iota // the head's, which is finished by it
	confirms                    // one of several of the head
	notification                // nobody asked for it
)

// answer finds out what a whole message of the server is.
func (t *talk) answer(a *reply) (meaning, error) {
	h := t.head()
	subscription := h != nil && (h.verb == verbSubscribe || h.verb == verbUnsubscribe)
	listed := a.kind == '*' || a.kind == '>'
	switch {
	case t.monitoring && a.kind == '+' && len(a.first) > 0 && '0' <= a.first[0] && a.first[0] <= '9':
		return notification, nil
	case listed && subscription && confirmation(a.first):
		return t.confirm(h, a), nil
	case a.kind == '>', listed && message(a.first) && (t.total+t.shard > 0 || h == nil):
		t.subscribed(a)
		return notification, nil
	case h == nil && a.kind == '-': // too many clients, protected mode
		return notification, nil
	case h == nil:
		return 0, errors.New("an answer to nothing that was asked")
	}
	return answers, nil
}

// silent is the head when nobody will answer it, and nil otherwise. What it asked for is taken as done.
func (t *talk) silent() *asked {
	h := t.head()
	if h == nil || !h.silent {
		return nil
	}
	t.effect(h, &reply{kind: '+'})
	return h
}

// pop forgets the head once it is answered.
func (t *talk) pop() {
	h := t.head()
	if h.count--; h.count > 0 {
		return
	}
	t.text -= h.text
	*h = asked{}
	t.first = (t.first + 1) % len(t.waiting)
	if t.n--; t.n == 0 && len(t.waiting) > ringKept {
		t.waiting, t.first = nil, 0
	}
}

// ringKept is how much room for waiting commands a quiet connection keeps.
const ringKept = 64
