package lane

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// alarm counts how often it was due, and notes when.
type alarm struct {
	timer timer
	fired []time.Duration
}

func (a *alarm) due(now time.Duration) { a.fired = append(a.fired, now) }

// TestTimers compares the timers of a loop with a plain list.
func TestTimers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ts timers
		alarms := make([]alarm, 8)
		want := map[int]time.Duration{} // those that are set
		now := time.Duration(0)
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				i := rapid.IntRange(0, len(alarms)-1).Draw(t, "alarm")
				at := now + time.Duration(rapid.IntRange(-5, 20).Draw(t, "in"))
				alarms[i].timer.owner = &alarms[i]
				ts.set(&alarms[i].timer, at)
				want[i] = at
			},
			"stop": func(t *rapid.T) {
				i := rapid.IntRange(0, len(alarms)-1).Draw(t, "alarm")
				ts.stop(&alarms[i].timer)
				delete(want, i)
			},
			"run": func(t *rapid.T) {
				now += time.Duration(rapid.IntRange(0, 10).Draw(t, "pass"))
				ts.run(now)
				for i := range alarms {
					at, set := want[i]
					due := set && at <= now
					if fired := len(alarms[i].fired) > 0; fired != due {
						t.Fatalf("alarm %d for %d: fired %v at %d", i, at, fired, now)
					}
					if due {
						delete(want, i)
					}
					alarms[i].fired = nil
				}
			},
			"": func(t *rapid.T) {
				times := make([]time.Duration, 0, len(want))
				for _, at := range want {
					times = append(times, at)
				}
				at, is := ts.next()
				if is != (len(want) > 0) || is && at != slices.Min(times) {
					t.Fatalf("next is at %d (%v), of %v", at, is, times)
				}
			},
		})
	})
}

// again sets its timer whenever it is due, for a moment that has passed.
type again struct {
	timers *timers
	timer  timer
	times  int
}

func (a *again) due(time.Duration) {
	a.times++
	a.timers.set(&a.timer, 0)
}

// TestTimersEndARun has a timer that is always due: it must not keep a loop from its other work.
func TestTimersEndARun(t *testing.T) {
	var ts timers
	a := &again{timers: &ts}
	a.timer.owner = a
	ts.set(&a.timer, 0)
	ts.run(1)
	if a.times != 1 {
		t.Errorf("was due %d times in one run", a.times)
	}
}
