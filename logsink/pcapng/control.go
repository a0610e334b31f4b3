package pcapng

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/policy"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
	"github.com/lodoor/lodoor/proxy/flow"
)

// Ended is a temporary recording that is over, and the files that are finished with it.
type Ended struct {
	*policy.Recording
	Files []string
}

// Active is a recording that goes on.
type Active struct {
	Service string
	// Recording is the temporary one, nil when the configuration wants it.
	Recording *policy.Recording
	Plan      policy.Plan
	Dir       string
}

// errNowhere is told to those who want a recording when there is no directory for it.
var errNowhere = errors.New("expected a directory for recordings: record: {dir: …}")

func application(version string) string { return strings.TrimSpace("lodoor " + version) }

// check fills in what was not set, and sees whether the directory can be used when it is going to be.
func (c *Config) check() error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Memory == 0 {
		c.Memory = defaultMemory
	}
	if c.Trouble == nil {
		c.Trouble = func(error) {}
	}
	if c.Ended == nil {
		c.Ended = func(Ended) {}
	}
	if c.Redactor == nil {
		c.Redactor = func(string, flow.Redaction) Redactor { return nil }
	}
	return usable(c.Dir, len(c.Standing) > 0)
}

// usable sees whether files can be made in a directory that is needed.
func usable(dir string, needed bool) error {
	switch {
	case !needed:
		return nil
	case dir == "":
		return errNowhere
	}
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		var probe *os.File
		if probe, err = os.CreateTemp(dir, ".lodoor-*"); err == nil {
			err = errors.Join(probe.Close(), os.Remove(probe.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w; name another directory with --record DIR, or record: {dir: …}", dir, err)
	}
	return nil
}

// Configure takes other settings and says which services are recorded from now on. Sessions that run are recorded as
// they were begun; when it changes how files are written, they go on in new ones. On an error nothing has changed.
func (r *Recorder) Configure(s Settings, standing []policy.Standing) error {
	if err := errors.Join(s.Validate(), usable(s.Dir, len(standing) > 0)); err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !reflect.DeepEqual(s, r.config.Settings) {
		r.pass(time.Now())
		if err := r.apply(&s); err != nil {
			return fmt.Errorf("recording: %w", err)
		}
	}
	r.config.Settings, r.config.Standing = s, standing
	r.table.SetStanding(standing)
	r.queue.fail(false)
	r.pass(time.Now())
	if err := r.writer.retire(&r.table); err != nil {
		r.fail(err)
	}
	return nil
}

// apply has files written as the settings say. Those that are being written are finished.
func (r *Recorder) apply(s *Settings) error {
	w := r.writer
	var files *store.Store
	var err error
	if s.Dir != "" {
		if files, err = s.files(r.config.Create); err != nil {
			return err
		}
	}
	tls := r.tls.Load()
	if s.Keylog != r.config.Keylog || tls == nil {
		if tls, err = newSecrets(s.Keylog); err != nil {
			return err
		}
	}
	if old := w.secrets; old != tls {
		_ = old.close() // it was only read
	}
	if err := w.close(); err != nil { // that is over; what follows may go elsewhere
		w.trouble(fmt.Errorf("finish the recordings of before: %w", err))
	}
	w.store, w.secrets, w.tidied = files, tls, time.Time{}
	if s.Ring > 0 { // otherwise sessions that were begun for one go on as they were begun
		w.ringAge, w.ringMemory = s.Ring, s.ringMemory()
	}
	r.tls.Store(tls)
	r.wire.Store(s.Source == SourceWire)
	r.budget.max.Store(int64(s.maxTotal()))
	r.budget.oldest = s.WhenFull == store.WhenFullOldest
	return w.tidy(time.Now())
}

// Start records sessions of a service that begin from now on, beside what the configuration wants.
func (r *Recorder) Start(q policy.Request) (*policy.Recording, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := usable(r.config.Dir, true); err != nil {
		return nil, fmt.Errorf("start a recording of %s: %w", q.Service, err)
	}
	began, err := r.table.Start(q, time.Now())
	if err == nil {
		r.queue.fail(false)
		signal(r.queue.some) // so that Run looks at the clock
	}
	return began, err
}

// Stop ends the temporary recordings of a service and finishes their files. Their sessions that still run are recorded no
// further. It is an error when there are none.
func (r *Recorder) Stop(service string) ([]Ended, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	stopped := r.table.Stop(service)
	if len(stopped) == 0 {
		return nil, fmt.Errorf("stop the recording of %s: nobody has started one", service)
	}
	now := time.Now()
	r.pass(now)
	return r.writer.ended(stopped), nil
}

// Active are the recordings that go on, those of the configuration first.
func (r *Recorder) Active() []Active {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.active()
}

func (r *Recorder) active() (all []Active) {
	for _, s := range r.config.Standing {
		all = append(all, Active{Service: s.Service, Plan: s.Plan, Dir: r.config.Dir})
	}
	for _, t := range r.table.List() {
		all = append(all, Active{Service: t.Service, Recording: t, Plan: t.Plan, Dir: r.config.Dir})
	}
	return all
}

// Recover finishes the files that a crash has left in the directory, and answers them.
func (r *Recorder) Recover() ([]store.Recovered, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.writer.store == nil {
		return nil, nil
	}
	done, err := r.writer.store.Recover()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return done, err
}

// ended are recordings with their files, which are told once. None comes to them any more.
func (w *writer) ended(all []*policy.Recording) (out []Ended) {
	for _, r := range all {
		r.Finish()
		out = append(out, Ended{Recording: r, Files: w.paths[r]})
		delete(w.paths, r)
	}
	return out
}

func (w *writer) dir() string {
	if w.store == nil {
		return ""
	}
	return filepath.Clean(w.store.Dir())
}
