package lanetest

import (
	"fmt"
	"sync"

	"github.com/lodoor/lodoor/proxy/flow"
)

// script is what a gate answers: passed is how much it has let pass, or taken, before held.
type script func(passed uint64, held []byte, eof bool) flow.GateAnswer

// passAll is never done, and holds nothing.
func passAll(_ uint64, held []byte, _ bool) flow.GateAnswer { return flow.GateAnswer{Pass: len(held)} }

// lag holds the last byte that came, until the end.
func lag(_ uint64, held []byte, eof bool) flow.GateAnswer {
	if n := len(held); n > 0 && !eof {
		return flow.GateAnswer{Pass: n - 1}
	}
	return flow.GateAnswer{Pass: len(held)}
}

// hold lets nothing pass.
func hold(uint64, []byte, bool) flow.GateAnswer { return flow.GateAnswer{} }

// pieces lets n bytes at a time pass.
func pieces(n int) script {
	return func(_ uint64, held []byte, _ bool) flow.GateAnswer {
		return flow.GateAnswer{Pass: len(held) - len(held)%n}
	}
}

// holdUntil lets nothing pass until there are n bytes of the stream, and then does as next.
func holdUntil(n uint64, next script) script {
	return func(passed uint64, held []byte, eof bool) flow.GateAnswer {
		if passed+uint64(len(held)) < n {
			return flow.GateAnswer{}
		}
		return next(passed, held, eof)
	}
}

// before does as first until there are n bytes of the stream, and then as next.
func before(n uint64, first, next script) script {
	return func(passed uint64, held []byte, eof bool) flow.GateAnswer {
		if passed+uint64(len(held)) < n {
			return first(passed, held, eof)
		}
		return next(passed, held, eof)
	}
}

func always(a flow.GateAnswer) script {
	return func(uint64, []byte, bool) flow.GateAnswer { return a }
}

// keeper is a gate that answers as its script says, and checks what it is asked: the client's stream from where it has
// let it pass or taken it to, no more of it than may be held, more each time, its end once, and nothing when there is no more to say.
type keeper struct {
	script script
	any    bool // the client says something else than its stream

	mu     sync.Mutex
	asked  int
	passed uint64 // or was taken
	taken  uint64
	held   int // by the last answer
	over   bool
	wrong  error
}

func (g *keeper) Inspect(held []byte, eof bool) flow.GateAnswer {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.check(held, eof)
	a := g.script(g.passed, held, eof)
	g.asked++
	if a.Done {
		a.Pass = len(held) - a.Take
	}
	faulty := a.Take < 0 || a.Pass < 0 || a.Take+a.Pass > len(held) || len(a.Reply) > flow.ReplyMax
	if a.Refuse == nil && !faulty {
		g.passed += uint64(a.Take + a.Pass)
		g.taken += uint64(a.Take)
		g.held = len(held) - a.Take - a.Pass
	}
	g.over = a.Done || eof || a.Refuse != nil || faulty
	return a
}

func (g *keeper) check(held []byte, eof bool) {
	n := len(held)
	switch wrong := fromClient.check(held, g.passed); {
	case g.wrong != nil:
	case g.over:
		g.wrong = fmt.Errorf("asked about %d bytes when there was no more to say", n)
	case n > flow.GateMax:
		g.wrong = fmt.Errorf("%d bytes are held", n)
	case n <= g.held && !eof:
		g.wrong = fmt.Errorf("%d bytes are held, of which %d were held before", n, g.held)
	case n != g.held && eof:
		g.wrong = fmt.Errorf("%d bytes are held at the end, %d were before", n, g.held)
	case wrong != nil && !g.any:
		g.wrong = fmt.Errorf("held: %w", wrong)
	}
}

// seen is how often it was asked, and how much it has let pass, or taken.
func (g *keeper) seen() (asked int, passed uint64, wrong error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked, g.passed, g.wrong
}
