//go:build !portable

package lanetest

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// taker is a witness that takes what is in a pipe, but each third time, when it has to be shown it.
type taker struct {
	*witness
	r, w  int // too small for all that is spliced at once
	calls int
}

// newTaker is the tap that has w take out of pipes.
func newTaker(t *testing.T, w *witness) lane.Tap {
	t.Helper()
	r, in := testkit.Pipe(t)
	return &taker{witness: w, r: r, w: in}
}

func (p *taker) Piped(d flow.Direction, at time.Time, fd, n int) int {
	if p.calls++; p.calls%3 == 0 {
		return 0
	}
	taken, err := unix.Tee(fd, p.w, n, unix.SPLICE_F_NONBLOCK)
	if err != nil || taken <= 0 {
		p.t.Errorf("tap: none of %d bytes of %s were in the pipe: %v", n, d, err)
		return 0
	}
	b := make([]byte, taken)
	for got := 0; got < len(b); {
		m, err := unix.Read(p.r, b[got:])
		if err != nil {
			p.t.Errorf("tap: read what was in the pipe: %v", err)
			return 0
		}
		got += m
	}
	p.Data(d, at, b)
	p.mu.Lock()
	p.asked[d] = len(b) < n // the rest was read with it
	p.mu.Unlock()
	return len(b)
}

// Beside is nobody.
func (p *taker) Beside() flow.Tap { return nil }
