package alert

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	maxPrograms = 10_000
	// maxProgram is how long the names of one may be, in bytes: who fills paths up to PATH_MAX must not make the state
	// larger than what is read again (maxStateFile).
	maxProgram = 512
	maxLearn   = 366 * 24 * time.Hour
	// lastSeenEvery is how exact Known.Last is after a restart.
	lastSeenEvery = time.Hour
)

// Known is a program that is not new for a service.
type Known struct {
	Service    string    `json:"service"`
	Program    string    `json:"program"`
	Executable string    `json:"executable,omitempty"`
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
	// Learned says that it came while programs were learned; otherwise it was told as new.
	Learned bool `json:"learned"`
}

// programKey is what tells programs apart. A program of the same name elsewhere is another one.
type programKey struct{ service, program, executable string }

func (k *Known) key() programKey { return programKey{k.Service, k.Program, k.Executable} }

// Learn has programs learned for a while, at most a year, from now on: what is seen is not new. Before the first Learn
// no program is new; what was learned before stays so. The error says that the time is not possible, or that it could
// not be kept for after a restart.
func (a *Alerts) Learn(d time.Duration) error {
	return a.change("learn programs", func(now time.Time) error {
		if d <= 0 || d > maxLearn {
			return fmt.Errorf("for %v: expected a duration above 0 and within a year, as 168h", d)
		}
		a.learnUntil = now.Add(d).Round(0)
		return nil
	})
}

// Learning is until when programs are learned, or were; the zero time when they never were.
func (a *Alerts) Learning() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.learnUntil
}

// Programs are those that are not new, by service and name.
func (a *Alerts) Programs() []Known {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known()
}

// Forget has programs of a service be new again: one, or all when program is empty. It says how many there were.
func (a *Alerts) Forget(service, program string) (n int, err error) {
	err = a.change("forget programs", func(time.Time) error {
		if service == "" {
			return errors.New("no service: expected the name of one")
		}
		for k := range a.programs {
			if k.service == service && (program == "" || k.program == program) {
				delete(a.programs, k)
				n++
			}
		}
		return nil
	})
	return n, err
}

func (a *Alerts) known() []Known {
	all := make([]Known, 0, len(a.programs))
	for _, k := range a.programs {
		all = append(all, *k)
	}
	slices.SortFunc(all, func(a, b Known) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Program, b.Program),
			cmp.Compare(a.Executable, b.Executable))
	})
	return all
}

// newProgram says whether a session is of a program that is new for its service. The open tells the process, or the
// session.origin does: never both.
func (a *Alerts) newProgram(r *flow.Record, now time.Time) (event, bool) {
	if a.learnUntil.IsZero() || r.Event != flow.EventSessionOpen && r.Event != flow.EventSessionOrigin {
		return event{}, false
	}
	o := r.Origin
	if o == nil || o.Process == nil || o.Program == "" {
		return event{}, false
	}
	e := event{
		key:      key{condition: NewProgram, service: r.Service, labels: o.Program},
		severity: flow.SeverityInfo, time: r.Time, count: 1, program: o.Program,
		by: []flow.Label{{Name: "program", Value: o.Program}},
	}
	learning := now.Before(a.learnUntil)
	if why := a.fleeting(&o.Process.Executable); why != "" {
		e.labels, e.severity, e.by = "in a temporary place", flow.SeverityWarning, nil
		e.reason = programWords(o, why)
		return e, !learning
	}
	e.reason = programWords(o, "")
	return e, a.meet(programKey{r.Service, o.Program, o.Process.Executable.Path}, learning, now)
}

// meet notes that a program was seen, and says whether it is new. When there is no room for it, or its names are too
// long, it stays new.
func (a *Alerts) meet(k programKey, learning bool, now time.Time) bool {
	if p := a.programs[k]; p != nil {
		if now.Sub(p.Last) >= lastSeenEvery {
			p.Last, a.dirty = now.Round(0), true
		}
		return false
	}
	if len(a.programs) < maxPrograms && len(k.service)+len(k.program)+len(k.executable) <= maxProgram {
		a.programs[k] = &Known{k.service, k.program, k.executable, now.Round(0), now.Round(0), learning}
		a.dirty = true
	}
	return !learning
}

// fleeting says why a program is never learned: its file lies where anybody may write, or is another one next time.
func (a *Alerts) fleeting(x *flow.Executable) string {
	if x.Deleted {
		return "its file was removed or replaced"
	}
	path := filepath.ToSlash(x.Path)
	for _, dir := range a.temporary {
		if strings.HasPrefix(path, dir) {
			return "its file is in a temporary folder"
		}
	}
	if x.BuiltToRun() {
		return "its file was built to be run once"
	}
	return ""
}

// temporaryFolders are those of the system, each with a slash behind it.
func temporaryFolders() []string {
	dirs := []string{"/tmp/", "/var/tmp/", "/dev/shm/", "/private/tmp/"}
	own := strings.TrimSuffix(filepath.ToSlash(filepath.Clean(os.TempDir())), "/") + "/"
	if own != "/" && !slices.Contains(dirs, own) {
		dirs = append(dirs, own)
	}
	return dirs
}

func programWords(o *flow.Origin, why string) string {
	words := fmt.Sprintf("%s (pid %d)", o.Program, o.PID)
	if path := o.Process.Executable.Path; path != "" {
		words += ", " + path
	}
	if why != "" {
		words += "; " + why
	}
	return words
}
