package configs

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// ParseDuration reads what time.ParseDuration reads, and whole days before it: 30s, 1h30m, 30d, 1d12h. A unit is always
// needed, also for 0, and a duration is never negative.
func ParseDuration(s string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return 0, fmt.Errorf("found %q; expected a duration with a unit, as in %ss, %sm or %sd", s, s, s, s)
	}
	days, rest := splitDays(s)
	if days < 0 {
		return 0, fmt.Errorf("found %q; expected a duration of at most %s", s, FormatDuration(math.MaxInt64))
	}
	if rest == "" {
		return days, nil
	}
	d, err := time.ParseDuration(rest)
	switch {
	case err != nil:
		return 0, fmt.Errorf("found %q; expected %s", s, durationForm)
	case d < 0 || strings.ContainsAny(s, "+-"):
		return 0, fmt.Errorf("found %q; expected a duration that is not negative and has no sign", s)
	case d > math.MaxInt64-days:
		return 0, fmt.Errorf("found %q; expected a duration of at most %s", s, FormatDuration(math.MaxInt64))
	}
	return days + d, nil
}

const durationForm = "a duration with a unit, as in 500ms, 30s, 5m, 2h or 30d"

// splitDays takes whole days off the front of s. The days are negative when there are too many of them; rest is not
// empty unless there were days.
func splitDays(s string) (days time.Duration, rest string) {
	m := regexp.MustCompile(`^(\d+)d`).FindStringSubmatch(s)
	if m == nil {
		if s == "" {
			return 0, " " // no duration
		}
		return 0, s
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if errors.Is(err, strconv.ErrRange) || n > math.MaxInt64/int64(day) {
		return -1, ""
	}
	return time.Duration(n) * day, s[len(m[0]):]
}

// FormatDuration writes d so that [ParseDuration] reads it, with days and without units that are zero.
func FormatDuration(d time.Duration) string {
	var b strings.Builder
	if n := d / day; n > 0 {
		fmt.Fprintf(&b, "%dd", n)
		d %= day
	}
	if d == 0 && b.Len() > 0 {
		return b.String()
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return b.String() + s
}
