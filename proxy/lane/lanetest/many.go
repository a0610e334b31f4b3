package lanetest

import (
	"runtime"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// many opens 1,000 sessions at once, uses and closes them; descriptors and goroutines must be as before.
func (k kit) many(t *testing.T) {
	const sessions = 1000
	l := k.newLane(t)
	k.use(t, l, 1) // what the runtime opens once
	files, goroutines := descriptors(t), runtime.NumGoroutine()
	k.use(t, l, sessions)
	testkit.Wait(t, "descriptors and goroutines to be as before", func() bool {
		return descriptors(t) <= files && runtime.NumGoroutine() <= goroutines
	}, Patience)
	closeLane(t, l)
}

func (k kit) use(t *testing.T, l lane.Lane, n int) {
	t.Helper()
	open := make([]*session, n)
	for i := range open {
		open[i] = k.openOn(t, l, lane.Pair{})
		fromClient.send(t, open[i].Client, 100)
	}
	for i, s := range open {
		fromClient.expect(t, s.Backend, 100)
		fromBackend.send(t, s.Backend, 200)
		fromBackend.expect(t, s.Client, 200)
		if i%3 == 0 {
			reset(s.Client)
		}
		_ = s.Client.Close()
		_ = s.Backend.Close()
	}
	for i, s := range open {
		o := s.outcome(t)
		if o.FromClient != 100 || o.FromBackend != 200 {
			t.Errorf("session %d carried %d and %d bytes, want 100 and 200", i, o.FromClient, o.FromBackend)
		}
		if o.End != flow.EndFIN && o.End != flow.EndReset {
			t.Errorf("session %d ended %s", i, o.End)
		}
	}
}
