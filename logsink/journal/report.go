package journal

import (
	"errors"
	"fmt"
	"io/fs"
)

// Report is what Verify found.
type Report struct {
	Dir string
	ID  string // the journal's
	// First and Last are the numbers of the first and the last record that are there; Records is how many there are.
	First, Last, Records uint64
	Segments             int
	// Opens and Closes are of sessions; Open are those that have no close yet, which only a running writer may leave.
	Opens, Closes uint64
	Open          int
	// Pruned is how many records retention has erased: all before First.
	Pruned uint64
	// Dropped is how many records lodoor had to drop, as journal.gap tells.
	Dropped uint64
	// Torn are the files into which recovery moved what was no record.
	Torn []string
	// Running says that a process is writing the journal; Writer is its number, 0 when it cannot be told.
	Running bool
	Writer  int
	// Problem is the first place that is wrong; nil when all is well.
	Problem *Problem
}

// Problem is a place that is not as it has to be.
type Problem struct {
	File     string // a segment's name
	Line     int    // from 1
	Expected string
	Found    string
}

func (p *Problem) Error() string {
	return fmt.Sprintf("%s:%d: expected %s, found %s", p.File, p.Line, p.Expected, p.Found)
}

// ErrNoJournal says that a directory has no journal.
var ErrNoJournal = errors.New("no journal")

// Verify reads the journal in dir and checks that its numbers have no gap, that each record's chain follows from the
// one before, that each session that was opened is closed once, and that what is missing at the start was pruned. It
// stops at the first problem. The error is of reading; a problem is no error.
//
// What it cannot find without a copy of the chain's value kept elsewhere: that the whole journal was replaced by
// another, and that records were taken off its end together with everything that was written since.
func Verify(dir string) (*Report, error) {
	var before *Problem
	for attempt := 0; ; attempt++ {
		report, err := verify(dir)
		if attempt == 10 || settled(dir, report, err, before) {
			return report, err
		}
		if report != nil {
			before = report.Problem
		}
	}
}

// settled says whether what was found is true still, and not something that a writer made untrue while it was looked
// for: it erases segments, withdraws what it could not write, and may have begun only then.
func settled(dir string, r *Report, err error, before *Problem) bool {
	if err != nil {
		return errors.Is(err, ErrNoJournal) || !errors.Is(err, fs.ErrNotExist)
	}
	if r.Problem == nil || before != nil && *before == *r.Problem {
		return true
	}
	_, running, err := Writer(dir)
	return !r.Running && !running && err == nil
}
