package coverage

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
)

// Question is what is asked of a journal.
type Question struct {
	// Since and Until are the period. Without Since it begins with the journal, without Until, or with one to come, it
	// ends at Now.
	Since, Until time.Time
	// Services are the names of those that matter; empty is all that were served in the period.
	Services []string
	// Now is the present time.
	Now time.Time
	// Running says that a process writes the journal, so that what it served last it serves still. Read finds that out
	// itself.
	Running bool
}

// Read verifies the journal in dir and reports on it. The error is of reading, or of a question that cannot be answered;
// what is wrong with the journal is in the report.
func Read(dir string, q Question) (*Report, error) {
	found, err := journal.Verify(dir)
	if err != nil {
		return nil, err
	}
	q.Running = found.Running
	r, err := Of(journal.Read(dir, journal.From{}), q)
	if err != nil {
		return nil, fmt.Errorf("report on journal %s: %w", dir, err)
	}
	r.Dir, r.Verify = dir, verified(found)
	r.Covered = r.Covered && r.Verify.OK
	return r, nil
}

func verified(r *journal.Report) Verified {
	v := Verified{
		OK: r.Problem == nil, Records: r.Records, First: r.First, Last: r.Last, Erased: r.Pruned, Dropped: r.Dropped,
		SetAside: r.Torn, Running: r.Running, Writer: r.Writer,
	}
	if r.Problem != nil {
		v.Problem = r.Problem.Error()
	}
	return v
}

// Of reports on entries, which have to be all of a journal from its oldest one on, in their order. It knows nothing of
// their chain: Verify is the zero one. A line that cannot be read is left to Verify as well; an error of reading, which
// comes without a line, ends it.
func Of(entries iter.Seq2[journal.Entry, error], q Question) (*Report, error) {
	if q.Until.IsZero() || q.Until.After(q.Now) {
		q.Until = q.Now
	}
	p := &past{question: q, tallies: make(map[string]*tally)}
	for e, err := range entries {
		switch {
		case err == nil:
			p.add(&e)
		case len(e.Line) == 0:
			return nil, err
		}
	}
	p.end()
	return p.report()
}

func (p *past) report() (*Report, error) {
	q := &p.question
	if p.seq == 0 {
		return nil, errors.New("there is no record")
	}
	if q.Since.IsZero() {
		q.Since = p.first
	}
	if !q.Since.Before(q.Until) {
		return nil, fmt.Errorf("there is nothing to report on: the period would begin at %s and end at %s",
			q.Since.Format(time.RFC3339), q.Until.Format(time.RFC3339))
	}
	names, err := p.names()
	if err != nil {
		return nil, err
	}
	r := &Report{Journal: p.journal, Since: q.Since.UTC(), Until: q.Until.UTC(), Configs: p.versions()}
	r.Covered = len(names) > 0
	for _, name := range names {
		s := p.service(name)
		r.Covered = r.Covered && len(s.Gaps) == 0
		r.Services = append(r.Services, s)
	}
	return r, nil
}

// UnknownServiceError says that a journal tells nothing of a service.
type UnknownServiceError struct {
	Name  string
	Known []string // those of which it tells, in any time
}

func (e *UnknownServiceError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("it tells of no service %q, nor of any other", e.Name)
	}
	return fmt.Sprintf("it tells of no service %q: expected one of %s", e.Name, strings.Join(e.Known, ", "))
}

// names are those of the services to report on, sorted.
func (p *past) names() ([]string, error) {
	q := &p.question
	ever, present := p.known(time.Time{}), p.known(q.Since)
	for _, name := range q.Services {
		if !slices.Contains(ever, name) {
			return nil, &UnknownServiceError{Name: name, Known: ever}
		}
	}
	switch {
	case len(q.Services) > 0:
		return slices.Compact(slices.Sorted(slices.Values(q.Services))), nil
	case len(present) > 0:
		return present, nil
	default:
		return ever, nil // none was served in the period: a gap of each
	}
}

// known are the services that were served, or of which there are records, after a time and before the end of the period.
func (p *past) known(since time.Time) []string {
	var names []string
	for i := range p.phases {
		ph := &p.phases[i]
		end := p.endOf(i)
		if (since.IsZero() || ph.from.Before(end) && end.After(since)) && ph.from.Before(p.question.Until) {
			names = append(names, ph.services...)
		}
	}
	for name, t := range p.tallies {
		if name != "" && (since.IsZero() || t.present) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// versions are the configurations of the period, the one in force at its beginning first. One that was only loaded again
// is told once.
func (p *past) versions() []Config {
	var list []Config
	for _, c := range p.configs {
		if !c.From.Before(p.question.Until) {
			break
		}
		if n := len(list); n > 0 && list[n-1].Hash == c.Hash && list[n-1].Source == c.Source {
			continue
		}
		if !c.From.After(p.question.Since) {
			list = list[:0]
		}
		list = append(list, c)
	}
	return list
}
