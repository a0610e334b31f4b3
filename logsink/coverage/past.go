package coverage

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// past is what the records tell, in the order of their numbers.
type past struct {
	question Question
	journal  string // its id
	seq      uint64 // of the first record
	first    time.Time
	last     time.Time // of the last record
	lastOf   time.Time // of the last one that is not about segments: when something was written for certain
	phases   []phase
	losses   []Gap
	configs  []Config
	tallies  map[string]*tally // by service
}

// phase is a time in which nothing changed; it ends where the next one begins.
type phase struct {
	from     time.Time
	off      Kind     // why lodoor did not run; empty while it did
	services []string // those that were served, sorted
	told     bool     // services is known
	starting bool     // no configuration was loaded since the start
}

// tally is what is counted of a service.
type tally struct {
	sessions, observed, gated, refused uint64
	causes                             map[string]uint64
	present                            bool // there is a record of it in the period
}

func (p *past) add(e *journal.Entry) {
	r := &e.Record
	if p.seq == 0 {
		p.seq, p.first, p.last, p.lastOf = e.Identity.Seq, r.Time, r.Time, r.Time
		if r.Event != flow.EventJournalStart {
			p.begin(phase{from: r.Time})
		}
	}
	if id := e.Identity.Journal; id != "" {
		p.journal = id
	}
	switch r.Event {
	case flow.EventJournalStart:
		if p.runs() {
			p.begin(phase{from: p.last, off: Died})
		}
		p.begin(phase{from: r.Time, starting: true})
	case flow.EventJournalStop:
		p.begin(phase{from: r.Time, off: Off})
	case flow.EventConfigLoaded:
		p.loaded(r)
	case flow.EventJournalHeartbeat:
		p.alive(r)
	case flow.EventJournalGap:
		p.lost(r)
	default:
		p.count(r)
	}
	p.last = r.Time
	if r.Event != flow.EventJournalRotated && r.Event != flow.EventJournalPruned && r.Event != flow.EventJournalGap {
		p.lastOf = r.Time
	}
}

func (p *past) now() *phase { return &p.phases[len(p.phases)-1] }

func (p *past) runs() bool { return len(p.phases) > 0 && p.now().off == "" }

// begin begins a phase. Time does not go back: where a clock was set back, what was before is not told twice.
func (p *past) begin(ph phase) {
	if len(p.phases) > 0 && ph.from.Before(p.now().from) {
		ph.from = p.now().from
	}
	p.phases = append(p.phases, ph)
}

// loaded notes a configuration. The first one after a start holds from there: nothing was served without it.
func (p *past) loaded(r *flow.Record) {
	if r.Config == nil {
		return
	}
	p.configs = append(p.configs, Config{Hash: r.Config.Hash, Source: r.Config.Source, From: r.Time.UTC()})
	p.serves(r.Time, r.Config.Services, p.now().starting)
	p.now().starting = false
}

// alive notes what a heartbeat tells: where the beginning was erased it is the first to say what is in force.
func (p *past) alive(r *flow.Record) {
	if r.Beat == nil || len(r.Beat.Services) == 0 {
		return
	}
	if len(p.configs) == 0 {
		p.configs = append(p.configs, Config{Hash: r.Beat.Config, From: p.first.UTC()})
	}
	p.serves(r.Time, r.Beat.Services, !p.now().told)
}

// serves notes which services are served from a time on; already, when that holds for the present phase from its
// beginning. A heartbeat tells so where nothing has changed since.
func (p *past) serves(at time.Time, services []string, already bool) {
	services = slices.Sorted(slices.Values(services))
	ph := p.now()
	if ph.off == "" && (already || ph.told && slices.Equal(ph.services, services)) {
		ph.services, ph.told = services, len(services) > 0
		return
	}
	p.begin(phase{from: at, services: services, told: len(services) > 0})
}

// lost notes dropped records. They were lost after the record before, or, when lodoor could write meanwhile, shortly
// before they are told.
func (p *past) lost(r *flow.Record) {
	if r.Journal == nil {
		return
	}
	p.losses = append(p.losses, Gap{
		Kind: Dropped, From: p.lastOf, To: r.Time, Records: r.Journal.Count, Reason: r.Journal.Reason,
	})
}

// end notes what there is after the last record.
func (p *past) end() {
	if p.runs() && !p.question.Running {
		p.begin(phase{from: p.last, off: Died})
	}
}

// count counts what happened to a service in the period.
func (p *past) count(r *flow.Record) {
	if r.Service == "" {
		return
	}
	t := p.tallies[r.Service]
	if t == nil {
		t = &tally{causes: make(map[string]uint64)}
		p.tallies[r.Service] = t
	}
	if r.Time.Before(p.question.Since) || !r.Time.Before(p.question.Until) {
		return
	}
	t.present = true
	switch {
	case r.Event == flow.EventSessionOpen:
		t.sessions++
		if r.Verdict != nil && r.Verdict.Action == flow.WouldDeny {
			t.observed++
		}
	case r.Event == flow.EventSessionClose && r.Outcome != nil && r.Outcome.Refused != nil:
		t.gated++
	case r.Event == flow.EventSessionRefused && r.Refusal != nil:
		t.refused += r.Refusal.Count
		t.causes[causeOf(r.Verdict)] += r.Refusal.Count
	}
}

func causeOf(v *flow.Verdict) string {
	if v == nil || v.Cause.String() == "" {
		return "unknown"
	}
	return v.Cause.String()
}

// refusals are the counts by cause, the most first.
func (t *tally) refusals() []Count {
	list := make([]Count, 0, len(t.causes))
	for _, cause := range slices.Sorted(maps.Keys(t.causes)) {
		list = append(list, Count{cause, t.causes[cause]})
	}
	slices.SortStableFunc(list, func(a, b Count) int { return cmp.Compare(b.Count, a.Count) })
	return list
}
