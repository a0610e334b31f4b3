package pcapng

import (
	"errors"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/policy"
	"github.com/lodoor/lodoor/logsink/pcapng/ring"
)

// track is what a file has sessions of: those that are recorded on the same behalf and in the same way.
type track struct {
	service   string
	recording *policy.Recording // nil: the configuration wants it
	wire      bool              // of the network's own packets
	nowhere   bool              // for who follows alone
	repeat    time.Duration     // of a ring, how soon it has to hear again whose packets they are; 0 is no ring
}

// attach gives a session its file: a new one the current one of its kind, and one that runs the same when its own has
// come to an end. It goes on there from where it is. The answer is false when there is none.
func (w *writer) attach(e *entry) (placed bool, err error) {
	t := e.tap
	s := &t.session
	if s.file != nil && !s.file.closed {
		return true, nil
	}
	l := w.trackOf(t)
	if !w.hasPlace(l) {
		return false, nil
	}
	front := connection{t.client, t.front}
	legs := []connection{front}
	if e.connected || s.legs[legBack].opened {
		legs = append(legs, connection{t.leg, t.server})
	}
	f, err := w.fileFor(l, legs, e.at)
	if err != nil {
		return false, err
	}
	for _, c := range legs {
		f.add(c)
	}
	f.sessions++
	s.file, s.generation, s.known = f, 0, e.connected
	w.live[t] = struct{}{}
	err = f.name(t.front.Addr(), t.service)
	if err == nil && len(legs) > 1 {
		err = f.name(t.server.Addr(), t.service)
	}
	return err == nil, err
}

// hasPlace says whether there is one for what is told of a session that has no file: not when the files of its recording
// are finished, nor when the configuration has taken the directory away.
func (w *writer) hasPlace(l track) bool {
	if l.recording != nil && l.recording.Finished() {
		return false
	}
	return w.store != nil || l.nowhere
}

func (w *writer) trackOf(t *tap) track {
	l := track{service: t.service, recording: t.Recording}
	if _, l.nowhere = w.nowhere[t.Recording]; t.Plan.Ring && !l.nowhere {
		l.repeat = max(w.ringAge/4, 1)
	}
	return l
}

// connected shows the backend's leg. Its addresses may be in the file already when it took long to connect; then they
// are ones that no host has.
func (w *writer) connected(s *session) error {
	t, f := s.tap, s.file
	c := connection{t.leg, t.server}
	if !s.known && !f.takes(c) {
		t.leg, t.server = t.rec.stand.backend()
		c = connection{t.leg, t.server}
	}
	f.add(c)
	if err := f.name(t.server.Addr(), t.service); err != nil {
		return err
	}
	return s.connected()
}

// detach ends a session; the last one of a file that takes no new ones closes it.
func (w *writer) detach(t *tap) error {
	f := t.session.file
	w.leave(t)
	if f == nil || f.closed {
		return nil
	}
	f.sessions--
	if f.sessions > 0 || !f.retired {
		return nil
	}
	return w.closeFile(f)
}

// leave gives back what a session takes.
func (w *writer) leave(t *tap) {
	t.session.abandon()
	delete(w.live, t)
	w.memory.release(sessionMemory)
}

// fileFor is the file that new sessions of a lane go to. Another one begins when one of the connections has been in it.
func (w *writer) fileFor(l track, legs []connection, at int64) (*file, error) {
	f := w.current[l]
	if f != nil {
		takes := true
		for _, c := range legs {
			takes = takes && f.takes(c)
		}
		if takes {
			return f, nil
		}
	}
	next, err := w.openFile(l, at)
	if err != nil {
		return nil, err
	}
	w.current[l] = next
	if f != nil {
		f.retired = true
		if f.sessions == 0 {
			return next, w.closeFile(f)
		}
	}
	return next, nil
}

func (w *writer) openFile(l track, at int64) (*file, error) {
	f := newFile(l, w)
	switch {
	case l.nowhere:
	case l.repeat > 0:
		r, err := ring.New(w.ringAge, w.ringMemory)
		if err != nil {
			return nil, err
		}
		f.ring = r
	default:
		out, err := w.store.Create(l.service, "", time.Unix(0, at))
		if err != nil {
			return nil, err
		}
		f.out = out
		w.stats.files.Add(1)
	}
	w.open[f] = struct{}{}
	secrets := w.secrets.appendSoFar(nil, l.service)
	w.followers.tell(l.service, secrets)
	if f.out == nil {
		return f, nil
	}
	return f, f.put(append(l.head(w.application), secrets...))
}

// retire has the files of services that the configuration does not want any more finished with their last session.
func (w *writer) retire(t *policy.Table) error {
	var errs []error
	for l, f := range w.current {
		if _, wanted := t.Standing(l.service); wanted || l.recording != nil {
			continue
		}
		f.retired = true
		delete(w.current, l)
		if f.sessions == 0 {
			errs = append(errs, w.closeFile(f))
		}
	}
	return errors.Join(errs...)
}

func (w *writer) closeFile(f *file) error {
	delete(w.open, f)
	if w.current[f.track] == f {
		delete(w.current, f.track)
	}
	err := f.close()
	if r := f.track.recording; r != nil && f.out != nil {
		w.paths[r] = append(w.paths[r], f.out.Path())
	}
	w.stats.lost.Add(f.payload - f.payloadOnDisk)
	return err
}

// close closes all files.
func (w *writer) close() error {
	var errs []error
	for f := range w.open {
		errs = append(errs, w.closeFile(f))
	}
	w.spent.giveBack(w.memory)
	return errors.Join(errs...)
}

// rotate finishes the files that are large or old enough.
func (w *writer) rotate(now time.Time) error {
	var errs []error
	for f := range w.open {
		switch {
		case f.ring != nil:
			f.ring.Expire(now.UnixNano())
		case f.out != nil && f.out.Due(now):
			errs = append(errs, w.closeFile(f))
		}
	}
	return errors.Join(errs...)
}

// finish ends the temporary recordings that are over, and those of their sessions that still run without an end.
func (w *writer) finish(now time.Time) error {
	for t := range w.live {
		if t.Recording != nil && t.Recording.Over(now) {
			w.cut(t)
		}
	}
	var errs []error
	for f := range w.open {
		if r := f.track.recording; r != nil && r.Over(now) {
			errs = append(errs, w.closeFile(f))
		}
	}
	return errors.Join(errs...)
}

// cut ends the recording of a session here.
func (w *writer) cut(t *tap) {
	t.rec.queue.cut(t)
	t.session.abandon()
}

// tidy finds out what the recordings that are not being written take, those of other processes included, and removes
// those whose time is over. It does so once a second, and oftener while old ones have to make room. That one cannot be
// removed is told, and ends nothing: it counts.
func (w *writer) tidy(now time.Time) error {
	if w.store == nil || now.Sub(w.tidied) < tidyEvery && !w.budget.tight() {
		return nil
	}
	w.tidied = now
	t, err := w.store.Tidy(now, w.budget.own())
	if err != nil {
		return err
	}
	w.budget.measure(t.Others)
	w.stats.removed.Add(uint64(len(t.Removed)))
	w.stuck.tell(w.trouble, t.Stuck)
	return nil
}
