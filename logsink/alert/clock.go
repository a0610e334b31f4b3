package alert

import (
	"fmt"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// maxJump is what a clock may be set by without an alert. NTP moves it slowly by at most half a millisecond a second
// (adjtimex(2), MAXFREQ is 500 ppm), so that it never gets near.
const maxJump = 2 * time.Second

// reading is what the clocks said at one moment.
type reading struct {
	wall time.Time
	// monotonic runs while the machine does; boot runs while it is suspended, too (clock_gettime(2), CLOCK_BOOTTIME).
	monotonic, boot time.Duration
	booted          bool // boot is known
}

// clocks compares the wall clock with the others from one tick to the next.
type clocks struct {
	began time.Time // with a monotonic part
	last  reading
	boot  func() (time.Duration, bool)
}

// look returns the event of a wall clock that was set.
func (c *clocks) look(now time.Time) (event, bool) {
	if c.began.IsZero() {
		c.began = now
	}
	r := reading{wall: now.Round(0), monotonic: now.Sub(c.began)}
	r.boot, r.booted = c.boot()
	before := c.last
	c.last = r
	if before.wall.IsZero() {
		return event{}, false
	}
	by, jumped := jump(before, r)
	if !jumped {
		return event{}, false
	}
	return event{
		key: key{condition: ClockJumped}, severity: flow.SeverityWarning, time: now, count: 1,
		reason: fmt.Sprintf("by %v, from %s to %s while %v passed; times before and after cannot be compared",
			by.Round(time.Millisecond), before.wall.UTC().Format(time.RFC3339Nano), r.wall.UTC().Format(time.RFC3339Nano),
			(r.monotonic - before.monotonic).Round(time.Millisecond)),
	}, true
}

// jump says by how much the wall clock was set between two readings. A suspend moves it on, and stops the monotonic
// clock: what the boot clock says of it is taken off. Where there is none, a clock that went forward may have slept,
// and is not told.
func jump(before, after reading) (by time.Duration, jumped bool) {
	passed := after.monotonic - before.monotonic
	by = after.wall.Sub(before.wall) - passed
	if by > 0 {
		if !before.booted || !after.booted {
			return by, false
		}
		by -= max(0, after.boot-before.boot-passed)
	}
	return by, by > maxJump || by < -maxJump
}
