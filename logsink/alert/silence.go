package alert

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	maxSilences = 256
	maxSilence  = 366 * 24 * time.Hour
	// shownExpired is for how long a silence that is over is still listed.
	shownExpired = 24 * time.Hour
	anything     = "*"
)

// Silence keeps alerts from being delivered for a while. They are recorded nevertheless, marked as silenced. A matcher
// that is empty or * matches everything; all of them must match.
type Silence struct {
	// ID is given by Alerts.Silence.
	ID string `json:"id"`
	// Alert is the id of one group.
	Alert     string `json:"alert,omitempty"`
	Condition string `json:"condition,omitempty"`
	Service   string `json:"service,omitempty"`
	// Program is that of the peer's process; alerts that stand for several programs have none.
	Program  string `json:"program,omitempty"`
	Zone     string `json:"zone,omitempty"`
	Severity string `json:"severity,omitempty"`
	// Until is when it ends, within a year; By is who wants it, Why the reason, which may be empty.
	Until time.Time `json:"until"`
	By    string    `json:"by"`
	Why   string    `json:"why,omitempty"`
	// Since is when it began; set by Alerts.Silence.
	Since time.Time `json:"since"`
}

// Expired says whether the silence is over.
func (s *Silence) Expired(now time.Time) bool { return !now.Before(s.Until) }

func (s *Silence) matchers() []string {
	return []string{s.Alert, s.Condition, s.Service, s.Program, s.Zone, s.Severity}
}

func (s *Silence) matches(g *group) bool {
	zone := ""
	if g.zone != flow.ZoneUnknown {
		zone = g.zone.String()
	}
	values := []string{g.id, g.condition, g.service, g.program, zone, g.severity.String()}
	for i, m := range s.matchers() {
		if m != "" && m != anything && m != values[i] {
			return false
		}
	}
	return true
}

// check says what is wrong with a silence that a person asks for.
func (s *Silence) check(now time.Time) error {
	var errs []error
	if !slices.ContainsFunc(s.matchers(), func(m string) bool { return m != "" }) {
		errs = append(errs, errors.New("it matches everything: expected one at least of alert, condition, service, "+
			"program, zone, severity, or * in one of them to mean it"))
	}
	for _, m := range slices.Concat(s.matchers(), []string{s.Why}) {
		if len(m) > maxWhy {
			errs = append(errs, fmt.Errorf("%.16q… has %d bytes: at most %d are allowed", m, len(m), maxWhy))
		}
	}
	if s.Zone != "" && s.Zone != anything {
		errs = append(errs, new(flow.Zone).UnmarshalText([]byte(s.Zone)))
	}
	if s.Severity != "" && s.Severity != anything {
		errs = append(errs, new(flow.Severity).UnmarshalText([]byte(s.Severity)))
	}
	if s.Until.IsZero() || s.Expired(now) || s.Until.Sub(now) > maxSilence {
		errs = append(errs, fmt.Errorf("until %s: expected a time within a year from now", s.Until.Format(time.RFC3339)))
	}
	if s.By == "" || len(s.By) > maxWho {
		errs = append(errs, fmt.Errorf("by %q: expected who wants it, in at most %d bytes", s.By, maxWho))
	}
	return errors.Join(errs...)
}

// Silence begins a silence and returns it with its id. The error says what is wrong with it, or that it could not be
// kept for after a restart.
func (a *Alerts) Silence(s Silence) (Silence, error) {
	err := a.change("silence alerts", func(now time.Time) error {
		if err := s.check(now); err != nil {
			return err
		}
		a.silences = slices.DeleteFunc(a.silences, func(old Silence) bool {
			return len(a.silences) >= maxSilences && old.Expired(now)
		})
		if len(a.silences) >= maxSilences {
			return fmt.Errorf("there are %d silences: at most %d are allowed", len(a.silences), maxSilences)
		}
		s.ID, s.Since = strings.ToLower(rand.Text()[:8]), now
		a.silences = append(a.silences, s)
		return nil
	})
	return s, err
}

// Unsilence ends a silence. The error says that there is none of that id.
func (a *Alerts) Unsilence(id string) error {
	return a.change("end silence", func(time.Time) error {
		i := slices.IndexFunc(a.silences, func(s Silence) bool { return s.ID == id })
		if i < 0 {
			return fmt.Errorf("no silence has the id %q: expected one that lodoor alerts list shows", id)
		}
		a.silences = slices.Delete(a.silences, i, i+1)
		return nil
	})
}

// Silences are those that hold, and for a day those that are over; the oldest first.
func (a *Alerts) Silences() []Silence {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.silences)
}

// silenced says whether a silence holds for a group.
func (a *Alerts) silenced(g *group, now time.Time) bool { return !a.silencedUntil(g, now).IsZero() }

// silencedUntil is when the last silence for a group ends; the zero time when there is none.
func (a *Alerts) silencedUntil(g *group, now time.Time) (until time.Time) {
	for i := range a.silences {
		if s := &a.silences[i]; s.Until.After(until) && !s.Expired(now) && s.matches(g) {
			until = s.Until
		}
	}
	return until
}

// expireSilences forgets those that have been over for a while.
func (a *Alerts) expireSilences(now time.Time) {
	before := len(a.silences)
	a.silences = slices.DeleteFunc(a.silences, func(s Silence) bool { return now.Sub(s.Until) >= shownExpired })
	a.dirty = a.dirty || len(a.silences) < before
}
