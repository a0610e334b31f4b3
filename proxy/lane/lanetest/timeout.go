package lanetest

import (
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

const timeout = 400 * time.Millisecond

func (k kit) timeouts(t *testing.T) {
	t.Run("idle", k.idle)
	t.Run("first byte", k.firstByte)
	t.Run("user timeout", k.userTimeout)
}

// inTime is the rest of the timeouts, where it makes no difference what the legs are made of.
func (k kit) inTime(t *testing.T) {
	t.Run("idle while blocked", k.idleBlocked)
	t.Run("not idle", k.notIdle)
	t.Run("first byte came", k.firstByteCame)
}

// expired checks that the session ended by a timeout of lodoor's, not early, and that both ends were reset.
func (k kit) expired(t *testing.T, s *session, end flow.End, earliest time.Duration) {
	t.Helper()
	o := s.outcome(t)
	if o.End != end || o.EndedBy != flow.SideLodoor || o.Duration < earliest {
		t.Errorf("ended %s by %q after %v, want %s by lodoor, not before %v", o.End, o.EndedBy, o.Duration, end, earliest)
	}
	k.bothReset(t, s)
	if hasTCP := o.ClientTCP != nil; hasTCP == (portable || k.network.client == "unix") {
		t.Errorf("TCP_INFO of the client leg: %v", o.ClientTCP)
	}
}

// bothReset checks that both ends see a reset, or the end of the stream where there is none.
func (k kit) bothReset(t *testing.T, s *session) {
	t.Helper()
	if _, err := fromBackend.rest(s.Client); k.network.client != "unix" && !isReset(err) {
		t.Errorf("client: %s, want a reset", ended(err))
	}
	if _, err := fromClient.rest(s.Backend); k.network.backend != "unix" && !isReset(err) {
		t.Errorf("backend: %s, want a reset", ended(err))
	}
}

func (k kit) idle(t *testing.T) {
	s := k.open(t, lane.Pair{Idle: timeout})
	fromClient.send(t, s.Client, 1000)
	fromClient.expect(t, s.Backend, 1000)
	k.expired(t, s, flow.EndIdleTimeout, timeout)
}

func (k kit) idleBlocked(t *testing.T) {
	s := k.open(t, lane.Pair{Idle: timeout})
	go fillUpQuietly(s.Client)
	o := s.outcome(t)
	if o.End != flow.EndIdleTimeout || o.EndedBy != flow.SideLodoor {
		t.Errorf("ended %s by %q, want idle_timeout by lodoor", o.End, o.EndedBy)
	}
}

// notIdle keeps one direction moving for several times the idle time; the session must live.
func (k kit) notIdle(t *testing.T) {
	const idle = time.Second
	s := k.open(t, lane.Pair{Idle: idle})
	for n, end := 0, time.Now().Add(2*idle); time.Now().Before(end); n++ {
		b := fromBackend.fill(make([]byte, 100), 0)
		if _, err := s.Backend.Write(b); err != nil {
			t.Fatalf("message %d: %v", n, err)
		}
		fromBackend.expect(t, s.Client, len(b))
	}
	inOrder(true)(t, s)
	if o := s.outcome(t); o.End != flow.EndFIN {
		t.Errorf("ended %s, want fin", o.End)
	}
}

func (k kit) firstByte(t *testing.T) {
	s := k.open(t, lane.Pair{FirstByte: timeout})
	fromBackend.send(t, s.Backend, 1000) // a greeting is not the client's word
	fromBackend.expect(t, s.Client, 1000)
	k.expired(t, s, flow.EndFirstByte, timeout)
}

// firstByteCame has the client speak in time, so that the session outlives the timeout.
func (k kit) firstByteCame(t *testing.T) {
	const first = time.Second / 2
	s := k.open(t, lane.Pair{FirstByte: first, Idle: 2 * first})
	fromClient.send(t, s.Client, 1)
	k.expired(t, s, flow.EndIdleTimeout, 2*first)
}
