package alert

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bounds of a window.
const (
	maxWindowText  = 512
	minSpan        = time.Second
	maxSpan        = 24 * time.Hour
	maxBy          = 3
	maxDistinctOf  = 1024 // the highest number that distinct() is compared with
	maxFieldLength = 64
)

// measure is what a window makes of the records in it.
type measure string

const (
	measureCount    measure = "count"
	measureSum      measure = "sum"
	measureDistinct measure = "distinct"
	measureMax      measure = "max"
)

// window is "max(session.duration) > 5s in 10m by service, program", read.
type window struct {
	measure  measure
	field    string // empty of count
	operator string
	limit    float64
	time     bool // the limit is a duration, in nanoseconds
	span     time.Duration
	by       []string
}

// holds says whether a value is one to alert of.
func (w *window) holds(value float64) bool {
	switch w.operator {
	case ">":
		return value > w.limit
	case ">=":
		return value >= w.limit
	default:
		return value == w.limit
	}
}

// number writes a value of the window's measure for a person.
func (w *window) number(v float64) string {
	if w.time {
		return time.Duration(v).String()
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// String writes the window as it is read.
func (w *window) String() string {
	s := fmt.Sprintf("%s(%s) %s %s in %v", w.measure, w.field, w.operator, w.number(w.limit), w.span)
	if len(w.by) > 0 {
		s += " by " + strings.Join(w.by, ", ")
	}
	return s
}
