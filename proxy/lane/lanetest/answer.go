package lanetest

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// answers is what a lane owes a gate that speaks to the client itself.
func (k kit) answers(t *testing.T) {
	t.Run("request", k.answerRequest)
	t.Run("with FIN", k.answerFIN)
	t.Run("long stream", k.answerBulk)
	t.Run("backend has spoken", k.answerLate)
	t.Run("backend has closed", k.answerClosed)
	t.Run("client takes nothing", k.answerUntaken)
	t.Run("client resets", k.answerReset)
	t.Run("random", k.answerRandom)
}

// request is how long what is taken is.
const request = 8

// declines is a gate that takes the first bytes that a client sends, says N, and is done.
func declines(passed uint64, held []byte, eof bool) flow.GateAnswer {
	switch {
	case passed == 0 && len(held) >= request:
		return flow.GateAnswer{Take: request, Reply: []byte("N"), Done: true}
	case eof:
		return flow.GateAnswer{Refuse: refused()}
	}
	return flow.GateAnswer{}
}

// asks opens a session whose client sends its first bytes, in pieces, and hears the answer. more is sent right behind
// them, and then FIN if closes says so.
func (k kit) asks(t *testing.T, piece, more int, closes bool) (*session, *witness) {
	t.Helper()
	w := &witness{t: t}
	s := k.open(t, lane.Pair{Tap: w, Gate: &keeper{script: declines}})
	b, at := fromClient.bytes(request+more), 0
	for ; at+piece < request; at += piece {
		if _, err := s.Client.Write(b[at : at+piece]); err != nil {
			t.Fatal(err)
		}
		s.carried(t, uint64(at+piece), 0)
	}
	var rest sync.WaitGroup
	t.Cleanup(rest.Wait)
	rest.Go(func() {
		_, _ = s.Client.Write(b[at:]) // the backend sees if it is not whole
		if closes {
			closeWriteQuietly(s.Client)
		}
	})
	n := make([]byte, 1)
	if _, err := io.ReadFull(s.Client, n); err != nil || n[0] != 'N' {
		t.Fatalf("client: answer %q, %v", n, err)
	}
	return s, w
}

// answerRequest has clients ask in pieces, alone and with more right behind, and both ends speak as always afterwards.
func (k kit) answerRequest(t *testing.T) {
	for piece := 1; piece <= request; piece += 3 {
		for _, more := range []int{0, 1, 70_000} {
			s, w := k.asks(t, piece, more, false)
			fromBackend.send(t, s.Backend, 3000)
			fromBackend.expect(t, s.Client, 3000)
			s.carried(t, uint64(request+more), 3000)
			if _, err := s.Client.Write(fromClient.fill(make([]byte, 100), uint64(request+more))); err != nil {
				t.Fatal(err)
			}
			closeWrite(t, s.Client)
			k.hearsBehind(t, s, more+100)
			_ = s.Backend.Close()
			k.checkAnswered(t, s, w, uint64(more)+100, 3000)
		}
	}
}

// hearsBehind has the backend hear so much behind what was taken, and FIN.
func (k kit) hearsBehind(t *testing.T, s *session, n int) {
	t.Helper()
	got, err := io.ReadAll(s.Backend)
	if err != nil || len(got) != n || fromClient.check(got, request) != nil {
		t.Errorf("backend: %d of %d bytes, then %s; or others than they should be", len(got), n, ended(err))
	}
}

func (k kit) checkAnswered(t *testing.T, s *session, w *witness, passed, back uint64) {
	t.Helper()
	o := s.outcome(t)
	w.checkEnd(t, o)
	if o.End != flow.EndFIN || o.FromClient != request+passed || o.FromBackend != back {
		t.Errorf("ended %s (%s) after %d and %d bytes, want fin after %d and %d",
			o.End, o.Detail, o.FromClient, o.FromBackend, request+passed, back)
	}
	w.checkHeard(t, flow.FromClient, passed, true)
	if w.taken != request || string(w.replies) != "N" {
		t.Errorf("tap: %d bytes were taken, %q replied", w.taken, w.replies)
	}
}

// answerFIN has a client close its side right behind what is taken.
func (k kit) answerFIN(t *testing.T) {
	for _, more := range []int{0, 50} {
		s, w := k.asks(t, request, more, true)
		k.hearsBehind(t, s, more)
		fromBackend.send(t, s.Backend, 10)
		_ = s.Backend.Close()
		fromBackend.expect(t, s.Client, 10)
		k.checkAnswered(t, s, w, uint64(more), 10)
	}
}

func (k kit) answerBulk(t *testing.T) {
	const n = 12 << 20
	s, w := k.asks(t, 1, n, true)
	k.hearsBehind(t, s, n)
	_ = s.Backend.Close()
	k.checkAnswered(t, s, w, n, 0)
}

// answerLate has the backend speak first: whatever the gate says then would come in the midst of that.
func (k kit) answerLate(t *testing.T) {
	w := &witness{t: t}
	g := k.guard(t, declines, lane.Pair{Tap: w})
	fromBackend.send(t, g.Backend, 10)
	fromBackend.expect(t, g.Client, 10)
	g.sends(t, 0, request+10)
	o := g.outcome(t)
	checkRefused(t, o, "gate.fault")
	w.checkEnd(t, o)
	if err := <-g.ended; k.network.backend != "unix" && !isReset(err) || g.heard.Load() > 0 {
		t.Errorf("backend: %d bytes, then %s; want none, then a reset", g.heard.Load(), ended(err))
	}
	if n, err := fromBackend.rest(g.Client); k.network.client != "unix" && !isReset(err) {
		t.Errorf("client: %d bytes, then %s; want a reset", n, ended(err))
	}
	if len(w.replies) > 0 || w.taken > 0 {
		t.Errorf("the tap was told of %d bytes taken, %q replied", w.taken, w.replies)
	}
}

// answerClosed has the backend close its side without a word. The client reads the end of the stream then, as it would
// without a gate; there is no place for an answer.
func (k kit) answerClosed(t *testing.T) {
	w := &witness{t: t}
	s := k.open(t, lane.Pair{Tap: w, Gate: &keeper{script: declines}})
	closeWrite(t, s.Backend)
	if n, err := fromBackend.rest(s.Client); n != 0 || err != nil {
		t.Fatalf("client: %d bytes, then %s", n, ended(err))
	}
	fromClient.send(t, s.Client, request+10)
	closeWrite(t, s.Client)
	k.hearsBehind(t, s, 10)
	o := s.outcome(t)
	w.checkEnd(t, o)
	if o.End != flow.EndFIN || w.taken != request || len(w.replies) > 0 {
		t.Errorf("ended %s (%s); the tap was told of %d taken and %q", o.End, o.Detail, w.taken, w.replies)
	}
}

// answerReset has a client ask and reset, so that all is there before the lane looks at it: nobody is there to be
// answered, and nothing of what it sent goes on.
func (k kit) answerReset(t *testing.T) {
	if !k.network.resets() || portable {
		t.Skip("needs resets, and what was sent before them")
	}
	w := &witness{t: t}
	l := k.newLane(t)
	s := k.connect(t, l, lane.Pair{Tap: w, Gate: &keeper{script: declines}})
	fromClient.send(t, s.Client, request+10)
	acknowledged(t, s.Client)
	reset(s.Client)
	s.start(t)
	n, err := fromClient.rest(s.Backend)
	o := s.outcome(t)
	if o.End != flow.EndReset || o.EndedBy != flow.SideClient || n > 0 || !isReset(err) {
		t.Errorf("ended %s by %q (%s); backend: %d bytes, then %s", o.End, o.EndedBy, o.Detail, n, ended(err))
	}
	w.checkEnd(t, o)
	if w.taken > 0 || len(w.replies) > 0 || w.written[flow.FromClient] > 0 || w.shut[flow.FromClient] {
		t.Errorf("the tap was told of %d bytes taken, %q replied, %d written, FIN %v",
			w.taken, w.replies, w.written[flow.FromClient], w.shut[flow.FromClient])
	}
	closeLane(t, l)
}

// hears reads exactly what is wanted.
func hears(c io.Reader, want []byte) error {
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errors.New("other bytes than they should be")
	}
	return nil
}
