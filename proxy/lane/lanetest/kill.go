package lanetest

import (
	"sync"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// kill kills in every state that a session can be in: both ends must be reset.
func (k kit) kill(t *testing.T) {
	t.Run("idle", func(t *testing.T) { k.killed(t, func(*session) {}) })
	t.Run("moving", func(t *testing.T) {
		k.killed(t, func(s *session) {
			go fillUpQuietly(s.Client)
			go func() { _, _ = fromClient.rest(s.Backend) }()
		})
	})
	t.Run("blocked", func(t *testing.T) {
		k.killed(t, func(s *session) {
			fillUp(t, s.Client, fromClient)
			fillUp(t, s.Backend, fromBackend)
		})
	})
	t.Run("half closed", func(t *testing.T) {
		k.killed(t, func(s *session) {
			closeWrite(t, s.Client)
			_, _ = fromClient.rest(s.Backend)
		})
	})
	t.Run("while it delivers before a reset", k.killFlush)
	t.Run("afterwards", func(t *testing.T) {
		s := k.open(t, lane.Pair{})
		inOrder(true)(t, s)
		s.outcome(t)
		s.control.Kill(flow.EndKilled) // must do nothing
	})
}

func (k kit) killed(t *testing.T, prepare func(s *session)) {
	s := k.open(t, lane.Pair{})
	prepare(s)
	s.control.Kill(flow.EndDrain)
	s.control.Kill(flow.EndKilled) // the first counts
	if o := s.outcome(t); o.End != flow.EndDrain || o.EndedBy != flow.SideLodoor {
		t.Errorf("ended %s by %q, want drain by lodoor", o.End, o.EndedBy)
	}
	for _, c := range []struct {
		name string
		end  interface{ Write([]byte) (int, error) }
	}{{"client", s.Client}, {"backend", s.Backend}} {
		for err := error(nil); !isReset(err); {
			if _, err = c.end.Write([]byte{0}); err != nil && !isReset(err) {
				t.Errorf("%s: %s, want a reset", c.name, ended(err))
				break
			}
		}
	}
}

func fillUpQuietly(c interface{ Write([]byte) (int, error) }) {
	for b := make([]byte, 64<<10); ; {
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

// killFlush kills a session whose client has reset and whose backend takes nothing: that it was reset stays true.
func (k kit) killFlush(t *testing.T) {
	if !k.network.resets() || portable {
		t.Skip("needs resets, and sockets that tell of one while a write waits")
	}
	s := k.open(t, lane.Pair{})
	fillUp(t, s.Client, fromClient)
	reset(s.Client)
	s.control.Kill(flow.EndDrain)
	o := s.outcome(t)
	if (o.End != flow.EndReset || o.EndedBy != flow.SideClient) && (o.End != flow.EndDrain || o.EndedBy != flow.SideLodoor) {
		t.Errorf("ended %s by %q, want reset by client or drain by lodoor", o.End, o.EndedBy)
	}
}

// killRace kills while the session ends by itself: done comes once, and says either.
func (k kit) killRace(t *testing.T) {
	l := k.newLane(t)
	for range 100 {
		s := k.openOn(t, l, lane.Pair{})
		var both sync.WaitGroup
		both.Go(func() { s.control.Kill(flow.EndKilled) })
		both.Go(func() {
			_ = s.Client.Close()
			_ = s.Backend.Close()
		})
		both.Wait()
		if o := s.outcome(t); o.End != flow.EndKilled && o.End != flow.EndFIN && o.End != flow.EndReset {
			t.Errorf("ended %s, want killed, fin or reset", o.End)
		}
	}
	closeLane(t, l)
}

// closeWaits closes a lane whose session is still open.
func (k kit) closeWaits(t *testing.T) {
	l := k.newLane(t)
	s := k.openOn(t, l, lane.Pair{})
	closed := make(chan error, 1)
	go func() { closed <- l.Close() }()
	fromClient.send(t, s.Client, 100_000) // the session still works
	fromClient.expect(t, s.Backend, 100_000)
	select {
	case err := <-closed:
		t.Fatalf("Close did not wait for the session: %v", err)
	default:
	}
	inOrder(true)(t, s)
	if err := <-closed; err != nil {
		t.Errorf("close lane: %v", err)
	}
	if len(s.outcomes) == 0 {
		t.Error("Close returned before done was called")
	}
}
