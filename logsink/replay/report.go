package replay

import (
	"cmp"
	"slices"
	"time"
)

// mostTold is how many differences, and how many sessions that were not played, are told one by one; all are counted.
const mostTold = 100

// Report is what came of a replay. Its texts come from the wire and may hold any byte.
type Report struct {
	// Sessions were played, Questions asked and their answers compared.
	Sessions  uint64 `json:"sessions"`
	Questions uint64 `json:"questions"`
	// Different are answers that differ, Differences the first of them.
	Different   uint64       `json:"different"`
	Differences []Difference `json:"differences,omitempty"`
	// Unanswered are questions of a session behind the first that got no answer, Unasked those that could not be asked any
	// more.
	Unanswered uint64   `json:"unanswered"`
	Unasked    uint64   `json:"unasked"`
	Slower     []Slower `json:"slower,omitempty"`
	// NotPlayed are sessions, or ends of sessions, that could not be played, and LeftOut those of which nothing is lost; Unplayed
	// are the first of both. Omitted are questions that were not asked.
	NotPlayed uint64     `json:"not_played"`
	LeftOut   uint64     `json:"left_out"`
	Unplayed  []Unplayed `json:"unplayed,omitempty"`
	Omitted   []Omitted  `json:"omitted,omitempty"`
	// Ignored are how many answers differed in what a rule ignores, by its name.
	Ignored map[string]uint64 `json:"ignored,omitempty"`
	// OutOfOrder are answers that took so long that other sessions went on without them.
	OutOfOrder uint64 `json:"out_of_order"`
	// Torn says that the recording ends before it is whole.
	Torn bool `json:"torn,omitempty"`
	// Recorded is how long what was played took in the recording, Took how long it took now.
	Recorded time.Duration `json:"recorded_ns"`
	Took     time.Duration `json:"took_ns"`
}

// Difference is an answer that is not the recorded one.
type Difference struct {
	Session string `json:"session"`
	Program string `json:"program,omitempty"`
	// Time is when it was asked in the recording, After the same since the recording's first question.
	Time  time.Time     `json:"time"`
	After time.Duration `json:"after_ns"`
	// Operation is the question without literals; empty when it is none that a person asks.
	Operation string `json:"operation,omitempty"`
	What      string `json:"what"`
	Recorded  string `json:"recorded"`
	Played    string `json:"played"`
}

// Unplayed is a session that was not played to its end.
type Unplayed struct {
	Session string    `json:"session"`
	Time    time.Time `json:"time"`
	Why     string    `json:"why"`
	// Harmless says that there was nothing to compare.
	Harmless bool `json:"harmless,omitempty"`
}

// Omitted is a kind of question that was not asked.
type Omitted struct {
	Operation string `json:"operation"`
	Why       string `json:"why"`
	Count     uint64 `json:"count"`
}

// Good says that everything was played, and nothing differed.
func (r *Report) Good() bool {
	return r.Different+r.Unanswered+r.Unasked+r.NotPlayed == 0 && r.Sessions > 0
}

func (r *Report) differs(d Difference) {
	r.Different++
	if len(r.Differences) < mostTold {
		r.Differences = append(r.Differences, d)
	}
}

func (r *Report) unplayed(st *step) {
	if st.quiet {
		r.LeftOut++
	} else {
		r.NotPlayed++
	}
	if len(r.Unplayed) < mostTold {
		r.Unplayed = append(r.Unplayed, Unplayed{st.track.name(), st.at, st.why, st.quiet})
	}
}

func (r *Report) omitted(_, name, why string) {
	i := slices.IndexFunc(r.Omitted, func(o Omitted) bool { return o.Operation == name && o.Why == why })
	if i < 0 {
		if len(r.Omitted) == mostTold {
			name, why = "others", "as above"
			if i = slices.IndexFunc(r.Omitted, func(o Omitted) bool { return o.Operation == name }); i >= 0 {
				r.Omitted[i].Count++
				return
			}
		}
		r.Omitted = append(r.Omitted, Omitted{name, why, 0})
		i = len(r.Omitted) - 1
	}
	r.Omitted[i].Count++
}

// sort puts differences in the recorded order.
func (r *Report) sort() {
	slices.SortStableFunc(r.Differences, func(a, b Difference) int { return cmp.Compare(a.After, b.After) })
}
