package pcapng

import (
	"errors"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/policy"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
)

// tidyEvery is how often the other recordings in the directory are measured.
const tidyEvery = time.Second

// writer turns entries into files. One goroutine at a time uses it.
type writer struct {
	store       *store.Store
	application string
	ringAge     time.Duration
	ringMemory  int
	memory      *memory
	budget      *budget
	stats       *counters
	secrets     *secrets
	spent       spent
	trouble     func(error)
	keylog      lasting // why the key log cannot be read
	stuck       lasting // why old files cannot be removed

	followers followers
	nowhere   map[*policy.Recording]struct{} // those that are recorded for who follows alone

	current map[track]*file // where new sessions go
	open    map[*file]struct{}
	live    map[*tap]struct{}              // those whose beginning was seen, and whose end was not
	paths   map[*policy.Recording][]string // of the files that are finished
	tidied  time.Time
}

// write writes entries, then flushes. On an error the entries that were not written count as lost.
func (w *writer) write(entries []entry) error {
	if err := w.reveal(); err != nil {
		w.drop(entries)
		return err
	}
	for i := range entries {
		if err := w.handle(&entries[i]); err != nil {
			w.drop(entries[i+1:])
			return err
		}
		if w.spent.bytes < spentBytes {
			continue
		}
		if err := w.flush(true); err != nil {
			w.drop(entries[i+1:])
			return err
		}
	}
	return w.flush(false)
}

// flush hands to the system what the files have, or that of those which were lent some of it, and takes back the buffers
// that were lent until then. A file that failed writes no more.
func (w *writer) flush(lent bool) error {
	var errs []error
	for f := range w.open {
		if !lent || f.out != nil && f.out.Lent() {
			errs = append(errs, f.flush())
		}
	}
	w.spent.giveBack(w.memory)
	return errors.Join(errs...)
}

// lasting is trouble that goes on without ending the recording, as it was told last.
type lasting string

// tell tells it when it is new.
func (l *lasting) tell(trouble func(error), err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != string(*l) && err != nil {
		trouble(err)
	}
	*l = lasting(text)
}

// drop gives up entries that cannot be written any more.
func (w *writer) drop(entries []entry) {
	for i := range entries {
		e := &entries[i]
		w.settle(e)
		if e.kind >= kindEnd {
			w.leave(e.tap)
		} else {
			w.live[e.tap] = struct{}{}
		}
	}
}

func (w *writer) handle(e *entry) error {
	s := &e.tap.session
	s.now = e.at
	if e.kind != kindGone {
		if placed, err := w.attach(e); !placed {
			w.cut(e.tap)
			w.drop([]entry{*e})
			return err
		}
	}
	w.fetch(e)
	err := w.show(s, e)
	w.settle(e)
	if e.kind >= kindEnd {
		err = errors.Join(err, w.detach(e.tap))
	}
	return err
}

func (w *writer) show(s *session, e *entry) error {
	switch e.kind {
	case kindOpen:
		return s.open()
	case kindConnected:
		return w.connected(s)
	case kindPass:
		return s.pass(e)
	case kindAnswered:
		return s.answered(e)
	case kindShut:
		return s.close(e.dir)
	case kindEnd:
		return s.end()
	case kindReset:
		return s.reset(e.by)
	}
	return nil
}

// settle gives back what an entry took. Payload that is still its own was not written, or was lodoor's.
func (w *writer) settle(e *entry) {
	w.budget.settle(e.tap.charged(e.cost), 0)
	if e.charged {
		w.memory.release(entryMemory)
	}
	w.fetch(e) // what is given up
	if e.buf == nil {
		return
	}
	if e.kind == kindPass {
		w.stats.lost.Add(uint64(len(e.buf.b)))
	}
	w.spent.add(e.tap, e.buf)
	e.buf = nil
}

// fetch reads an entry's payload that is in the conduit yet.
func (w *writer) fetch(e *entry) {
	if e.piped == 0 {
		return
	}
	buf := w.memory.buffer(e.piped)
	if e.piped = 0; e.from.read(buf.b) {
		e.buf = buf
		return
	}
	w.stats.lost.Add(uint64(len(buf.b)))
	e.why = whyUnseen
	w.memory.give(&e.tap.held, buf)
}
