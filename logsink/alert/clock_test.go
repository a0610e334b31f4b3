package alert

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

func TestJump(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name                  string
		wall, monotonic, boot time.Duration // that passed
		booted                bool
		by                    time.Duration
		jumped                bool
	}{
		{"ordinary", s, s, s, true, 0, false},
		{"a slow NTP step", 2900 * time.Millisecond, s, s, true, 1900 * time.Millisecond, false},
		{"forward", 60 * s, s, s, true, 59 * s, true},
		{"back", -60 * s, s, s, true, -61 * s, true},
		{"a suspend", 3601 * s, s, 3601 * s, true, 0, false},
		{"a suspend, and set", 7201 * s, s, 3601 * s, true, 3600 * s, true},
		{"set back in a suspend", 0, s, 3601 * s, true, -1 * s, false},
		{"forward, without a boot clock", 60 * s, s, 0, false, 59 * s, false},
		{"back, without a boot clock", -60 * s, s, 0, false, -61 * s, true},
		{"a late tick", 30 * s, 30 * s, 30 * s, true, 0, false},
	}
	for _, test := range tests {
		begin := reading{wall: time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC), monotonic: 5 * s, boot: 9 * s, booted: test.booted}
		end := reading{begin.wall.Add(test.wall), begin.monotonic + test.monotonic, begin.boot + test.boot, test.booted}
		if by, jumped := jump(begin, end); by != test.by || jumped != test.jumped {
			t.Errorf("%s: by %v, jumped %v; want %v, %v", test.name, by, jumped, test.by, test.jumped)
		}
	}
}

// The clocks are looked at with each tick, and what was said then is compared.
func TestAClockThatWasSetIsTold(t *testing.T) {
	var told []flow.Record
	a, err := New(Config{Append: func(r flow.Record) { told = append(told, r) }})
	if err != nil {
		t.Fatal(err)
	}
	tick := func() {
		t.Helper()
		if _, err := a.Consume(t.Context(), flow.Batch{Now: time.Now(), Tick: true}); err != nil {
			t.Fatal(err)
		}
	}
	tick()
	tick()
	if len(told) != 0 {
		t.Fatalf("told of %+v", told[0].Alert)
	}
	a.clocks.last.wall = a.clocks.last.wall.Add(time.Hour) // as if it had been set back since
	tick()
	if len(told) != 1 || told[0].Alert.Condition != ClockJumped ||
		!strings.HasPrefix(told[0].Alert.Message, "the clock jumped: by -1h0m0s, from ") {
		t.Errorf("told of %+v", told)
	}
	if boot, known := sinceBoot(); runtime.GOOS == "linux" && (!known || boot <= 0) {
		t.Errorf("the boot clock says %v, %v", boot, known)
	}
}
