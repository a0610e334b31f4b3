package main

import (
	"fmt"
	"time"

	"github.com/lodoor/lodoor/configs"
)

// parseTime reads the value of a flag: a duration before now, or a time; a time without an offset is local. An empty one
// is the zero time.
func parseTime(flag, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := configs.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{
		time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, "2006-01-02 15:04", time.DateOnly,
	} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--%s %q: expected how long ago, as in 30m, 1h or 2d, or a time, as in 2026-01-02 "+
		"or 2026-01-02T15:04:05Z", flag, s)
}

// parsePeriod reads --since and --until.
func parsePeriod(since, until string, now time.Time) (from, to time.Time, err error) {
	if from, err = parseTime("since", since, now); err != nil {
		return from, to, err
	}
	if to, err = parseTime("until", until, now); err != nil {
		return from, to, err
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return from, to, fmt.Errorf("--since %s and --until %s leave no time: expected --until to be the later one", since, until)
	}
	return from, to, nil
}

// zonedTime is a time as people read it who do not live where it was taken down.
func zonedTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 -07:00") }

// shownSpan is a duration in the precision that people want.
func shownSpan(d time.Duration) string {
	switch {
	case d >= time.Minute:
		d = d.Round(time.Second)
	case d >= time.Second:
		d = d.Round(10 * time.Millisecond)
	default:
		d = d.Round(100 * time.Microsecond)
	}
	return configs.FormatDuration(d)
}
