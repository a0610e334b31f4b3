package logsink_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodoor/lodoor/logsink"
	"github.com/lodoor/lodoor/proxy/flow"
)

// sleeper is a sink that wants to be called some time after a record.
type sleeper struct {
	after time.Duration
	begin time.Time
	next  time.Time
	calls []string
}

func (s *sleeper) Name() string { return "sleeper" }

func (s *sleeper) Wants(flow.Event) bool { return true }

func (s *sleeper) Wake() time.Time { return s.next }

func (s *sleeper) Consume(_ context.Context, b flow.Batch) (int, error) {
	s.calls = append(s.calls, fmt.Sprint(b.Now.Sub(s.begin), " ", len(b.Entries), " ", b.Tick, " ", b.Last))
	switch {
	case len(b.Entries) > 0 && s.next.IsZero():
		s.next = b.Now.Add(s.after)
	case !b.Now.Before(s.next):
		s.next = time.Time{}
	}
	return len(b.Entries), nil
}

// A Waker is called at its time, with nothing if nothing has come, and the rest after a batch does not make it late.
// When it wants nothing it is called as every sink is.
func TestWakerIsCalledAtItsTime(t *testing.T) {
	for _, test := range []struct {
		after time.Duration
		calls []string
	}{
		{50 * time.Millisecond, []string{"0s 1 false false", "45ms 1 false false", "50ms 0 false false"}},
		{5 * time.Millisecond, []string{"0s 1 false false", "5ms 0 false false", "45ms 1 false false", "50ms 0 false false"}},
		{-time.Hour, []string{"0s 1 false false", "0s 0 false false", "45ms 1 false false", "45ms 0 false false"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &sleeper{after: test.after, begin: time.Now()}
			l, stop := start(t, logsink.Config{Sinks: []logsink.Sink{s}})
			l.Append(open(), nil)
			<-time.After(45 * time.Millisecond)
			l.Append(open(), nil)
			<-time.After(300 * time.Millisecond)
			synctest.Wait()
			got, want := fmt.Sprint(s.calls), fmt.Sprint(test.calls)
			if got != want {
				t.Errorf("waking after %v, the calls were\n%v, want\n%v", test.after, got, want)
			}
			begin := time.Now()
			if err := stop(); err != nil || time.Since(begin) != 0 {
				t.Errorf("the end took %v and said %v", time.Since(begin), err)
			}
		})
	}
}
