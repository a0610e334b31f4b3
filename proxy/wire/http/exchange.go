package http

import (
	"errors"
	"fmt"
	"slices"

	"github.com/lodoor/lodoor/proxy/flow"
)

// waitingMax is how many requests may wait for their responses.
const waitingMax = 1024

// exchange is a request and its response.
type exchange struct {
	head, connect bool
	expects       bool
	started       bool // of the body something was sent
	asked         bool // the request is whole
	answered      bool // so is the response
	op            *flow.Operation
	text          int // bytes of its text
}

// waitingTextMax is how many bytes the texts of waiting requests have together. Beyond it they are told without a text.
const waitingTextMax = 1 << 20

// queue are the exchanges of a connection. Responses come in the order of requests (RFC 9112, 9.3.2).
type queue struct {
	waiting []*exchange
	asking  *exchange // whose request is being read, from its head on
	text    int       // bytes of all texts
	refused bool      // the client was answered before it sent the body that it had announced
}

// ask adds the request whose head was read.
func (q *queue) ask(p *parser) (*exchange, error) {
	if len(q.waiting) == waitingMax {
		return nil, fmt.Errorf("more than %d requests without a response", waitingMax)
	}
	x := &exchange{head: string(p.parts[0]) == "HEAD", connect: string(p.parts[0]) == "CONNECT", expects: p.framing.expects}
	q.waiting, q.asking = append(q.waiting, x), x
	return x, nil
}

// front is the exchange whose response comes next; nil when nobody asked.
func (q *queue) front() *exchange {
	for _, x := range q.waiting {
		if !x.answered {
			return x
		}
	}
	return nil
}

// answer prepares a parser for the next response.
func (q *queue) answer(p *parser) *exchange {
	x := q.front()
	p.toHead, p.toConnect = x != nil && x.head, x != nil && x.connect
	return x
}

// responded notes a whole response.
func (q *queue) responded(x *exchange) {
	x.answered = true
	if x.expects && !x.asked && !x.started {
		q.refused = true
	}
}

// ready is an error when it is not known what the client sends next: RFC 9110, 10.1.1 lets a client that was answered at
// once leave out the body that it had announced.
func (q *queue) ready() error {
	if q.refused {
		return errors.New("the client was answered before it sent the body that it had announced")
	}
	return nil
}

// over takes the first exchange off when it is; nil otherwise.
func (q *queue) over() *exchange {
	if len(q.waiting) == 0 || !q.waiting[0].asked || !q.waiting[0].answered {
		return nil
	}
	x := q.waiting[0]
	q.text -= x.text
	q.waiting = slices.Delete(q.waiting, 0, 1)
	return x
}
