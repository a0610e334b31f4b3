package history

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// features are what records are searched by, as the stores have it. Most records share theirs with many others. They
// may match more than the record does, since texts are cleaned; Filter.Matches has the last word.
type features struct {
	event, service, verdict string
	zones, programs, users  string // each value between two separators; empty when there is none
}

// separator stands before and behind each value of a list; no cleaned text has it.
const separator = "\n"

func featuresOf(r *flow.Record) features {
	return features{
		event: r.Event.String(), service: clean(r.Service), verdict: verdictOf(r),
		zones: joined(zonesOf(r)), programs: joined(programsOf(r)), users: joined(usersOf(r)),
	}
}

func joined(list []string) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	for _, s := range list {
		b.WriteString(separator)
		b.WriteString(clean(s))
	}
	b.WriteString(separator)
	return b.String()
}

// clean makes a text that anybody may have chosen fit for every database: valid UTF-8 without control characters. What
// begins with a word does so afterwards.
func clean(s string) string {
	if fit(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return utf8.RuneError
		}
		return r // of what is not UTF-8 this is utf8.RuneError
	}, s)
}

func fit(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// nanos is a time as the stores have it, in nanoseconds since 1970. Times before 1678 and after 2262 become the nearest
// that there is; the line has them as they are.
func nanos(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	default:
		return t.UnixNano()
	}
}

// key is where a record stands in the order of what is read.
type key struct {
	at             int64 // its time, nanos
	id             int64 // SQLite: the row
	journal, epoch string
	seq            int64 // a uint64's bits
}

// row is a record as it was read.
type row struct {
	key
	line []byte
}

func (r *row) entry() (journal.Entry, error) {
	e, err := journal.Decode(r.line)
	e.Line = r.line
	e.Identity = flow.Identity{Journal: r.journal, Epoch: r.epoch, Seq: uint64(r.seq)}
	return e, err
}
