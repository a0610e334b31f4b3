package lanetest

import (
	"bytes"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// amender inverts so many of the first bytes, and is done with them.
type amender struct {
	t    testing.TB
	rest int
	over bool
}

func (a *amender) amend(b []byte) bool {
	if a.over || len(b) == 0 {
		a.t.Errorf("asked to amend %d bytes, done before: %v", len(b), a.over)
	}
	n := min(a.rest, len(b))
	for i := range b[:n] {
		b[i] = ^b[i]
	}
	a.rest -= n
	a.over = a.rest == 0
	return a.over
}

// amended is what becomes of the backend's first bytes.
func amended(all, first int) []byte {
	b := fromBackend.bytes(all)
	(&amender{rest: first}).amend(b)
	return b
}

// hearer is a witness of another stream: it keeps what it is told of the backend's.
type hearer struct {
	witness
	heard bytes.Buffer
}

func (h *hearer) Data(d flow.Direction, at time.Time, b []byte) {
	if d == flow.FromBackend {
		h.heard.Write(b)
		b = fromBackend.fill(make([]byte, len(b)), h.seen(d))
	}
	h.witness.Data(d, at, b)
}

func (k kit) amends(t *testing.T) {
	for name, tapped := range map[string]bool{"untapped": false, "tapped": true} {
		t.Run("cuts, "+name, func(t *testing.T) { k.amendCuts(t, tapped) })
		t.Run("bulk, "+name, func(t *testing.T) { k.amendBulk(t, tapped) })
	}
	t.Run("with a gate", k.amendGated)
}

// amending is a session whose backend's first bytes are amended.
func (k kit) amending(t *testing.T, first int, tapped bool) (*session, *hearer) {
	t.Helper()
	a := &amender{t: t, rest: first}
	p := lane.Pair{Amend: a.amend}
	var h *hearer
	if tapped {
		h = &hearer{witness: witness{t: t}}
		p.Tap = h
	}
	return k.open(t, p), h
}

// amendCuts has a backend say a few bytes in all kinds of pieces, each heard before the next.
func (k kit) amendCuts(t *testing.T, tapped bool) {
	const all = 7
	l := k.newLane(t)
	defer closeLane(t, l)
	for first := 1; first <= all; first++ {
		for cuts := range 1 << (all - 1) { // a bit for each place between two bytes
			if (first+cuts)%5 > 0 && cuts != 0 && cuts != 1<<(all-1)-1 {
				continue // a fifth of them will do
			}
			a := &amender{t: t, rest: first}
			p := lane.Pair{Amend: a.amend}
			h := &hearer{witness: witness{t: t}}
			if tapped {
				p.Tap = h
			}
			s := k.openOn(t, l, p)
			k.amendCut(t, s, all, first, cuts)
			inOrder(true)(t, s)
			s.outcome(t)
			if tapped && !bytes.Equal(h.heard.Bytes(), amended(all, first)) {
				t.Errorf("the tap was told %x, want what the client gets", h.heard.Bytes())
			}
		}
	}
}

func (k kit) amendCut(t *testing.T, s *session, all, first, cuts int) {
	t.Helper()
	want, said := amended(all, first), fromBackend.bytes(all)
	for at := 0; at < all; {
		end := at + 1
		for end < all && cuts>>(end-1)&1 == 0 {
			end++
		}
		if _, err := s.Backend.Write(said[at:end]); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, end-at)
		if _, err := io.ReadFull(s.Client, got); err != nil || !bytes.Equal(got, want[at:end]) {
			t.Fatalf("%d amended, cut %b: bytes %d to %d are %x (%v), want %x", first, cuts, at, end, got, err, want[at:end])
		}
		at = end
	}
}

// amendBulk has the end of what is amended be in the midst of a long stream, and bytes the other way that are not.
func (k kit) amendBulk(t *testing.T, tapped bool) {
	const all, first = 4 << 20, 1<<20 + 77
	s, h := k.amending(t, first, tapped)
	fromClient.sendLate(t, s.Client, all, closeWriteQuietly)
	fromBackend.sendLate(t, s.Backend, all, closeWriteQuietly)
	var up sync.WaitGroup
	up.Go(func() {
		if n, err := fromClient.rest(s.Backend); n != all || err != nil {
			t.Errorf("backend: %d of %d bytes, then %s", n, all, ended(err))
		}
	})
	got, err := io.ReadAll(s.Client)
	want := amended(all, first)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("client: %d bytes, then %s; or others than they should be", len(got), ended(err))
	}
	up.Wait()
	o := s.outcome(t)
	if o.End != flow.EndFIN || o.FromBackend != all {
		t.Errorf("ended %s after %d bytes from the backend", o.End, o.FromBackend)
	}
	if tapped {
		h.checkEnd(t, o)
		if !bytes.Equal(h.heard.Bytes(), want) {
			t.Error("the tap was told other bytes than the client got")
		}
	}
}

// amendGated amends while the client's bytes are held.
func (k kit) amendGated(t *testing.T) {
	a := &amender{t: t, rest: 100}
	g := k.guard(t, holdUntil(10, passAll), lane.Pair{Amend: a.amend})
	g.sends(t, 0, 9)
	fromBackend.send(t, g.Backend, 300)
	got := make([]byte, 300)
	if _, err := io.ReadFull(g.Client, got); err != nil || !bytes.Equal(got, amended(300, 100)) {
		t.Errorf("client: other bytes than they should be, or %v", err)
	}
	g.sends(t, 9, 10)
	g.arrives(t, 10)
}
