package pcapng

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// measureEvery is how often the other recordings in the directory are measured, at most.
const measureEvery = time.Second

// writer turns entries into files. One goroutine at a time uses it.
type writer struct {
	dir, application string
	create           func(string) (File, error)
	memory           *memory
	budget           *budget
	stats            *counters

	current  map[string]*file // by service: where new sessions go
	open     map[*file]struct{}
	at       int64 // time of the entry in hand
	measured time.Time
}

// write writes entries, then flushes. On an error the entries that were not written count as lost.
func (w *writer) write(entries []entry) error {
	for i := range entries {
		if err := w.handle(&entries[i]); err != nil {
			w.drop(entries[i+1:])
			return err
		}
	}
	for f := range w.open {
		if err := f.flush(); err != nil {
			return err
		}
	}
	return nil
}

// drop gives up entries that cannot be written any more.
func (w *writer) drop(entries []entry) {
	for i := range entries {
		w.forget(&entries[i], 0)
	}
}

func (w *writer) handle(e *entry) error {
	if e.kind == kindOpen {
		if err := w.attach(e.tap, e.at); err != nil {
			return err
		}
	}
	f := e.tap.file
	written, payload := f.written, f.payload
	w.at = e.at
	err := w.packets(e)
	w.budget.settle(e.cost, f.written-written)
	w.forget(e, f.payload-payload)
	if err == nil && e.kind >= kindEnd {
		return w.detach(e.tap)
	}
	return err
}

func (w *writer) packets(e *entry) error {
	s := e.tap.stream
	switch e.kind {
	case kindOpen:
		return s.open()
	case kindData:
		return s.data(e.dir, e.buf.b)
	case kindSkip:
		if err := s.skip(flow.FromClient, e.skip[flow.FromClient]); err != nil {
			return err
		}
		return s.skip(flow.FromBackend, e.skip[flow.FromBackend])
	case kindShut:
		return s.shut(e.dir)
	case kindEnd:
		return s.end()
	case kindReset:
		return s.reset(e.dir)
	}
	return nil
}

// forget frees the entry's payload, of which written bytes are in a file's blocks.
func (w *writer) forget(e *entry, written uint64) {
	if e.buf == nil {
		return
	}
	w.stats.lost.Add(uint64(len(e.buf.b)) - written)
	w.memory.give(&e.tap.held, e.buf)
	e.buf = nil
}

// attach gives a new session its file.
func (w *writer) attach(t *tap, at int64) error {
	c := connection{t.client, t.front}
	f := w.current[t.service]
	if f == nil || !f.takes(c) {
		next, err := w.openFile(t.service, at)
		if err != nil {
			return err
		}
		w.current[t.service] = next
		if f != nil && f.sessions == 0 {
			if err := w.closeFile(f); err != nil {
				return err
			}
		}
		f = next
	}
	f.seen[c] = struct{}{}
	f.sessions++
	t.file = f
	t.stream = newStream(t.client, t.front, t.id, func(s *segment) error {
		comment := ""
		if s.flags == flagSYN {
			comment = "lodoor session " + t.id.String()
		}
		return f.write(f.stamp(t, w.at), s, comment)
	})
	return nil
}

// detach ends a session; the last one of a file that takes no new ones closes it.
func (w *writer) detach(t *tap) error {
	w.memory.release(sessionMemory)
	t.file.sessions--
	if t.file.sessions > 0 || w.current[t.service] == t.file {
		return nil
	}
	return w.closeFile(t.file)
}

func (w *writer) openFile(service string, at int64) (*file, error) {
	f, err := openFile(w.create, w.dir, service, w.application, time.Unix(0, at))
	if err != nil {
		return nil, fmt.Errorf("make a recording of %s: %w", service, err)
	}
	w.open[f] = struct{}{}
	w.stats.files.Add(1)
	w.budget.settle(0, f.written)
	return f, nil
}

func (w *writer) closeFile(f *file) error {
	delete(w.open, f)
	err := f.close()
	w.stats.lost.Add(f.payload - f.payloadOnDisk)
	w.budget.others += f.flushed
	return err
}

// close closes all files.
func (w *writer) close() error {
	var errs []error
	for f := range w.open {
		errs = append(errs, w.closeFile(f))
	}
	return errors.Join(errs...)
}

// measure finds out what the recordings that are not being written take, those of other processes included.
func (w *writer) measure() error {
	if time.Since(w.measured) < measureEvery {
		return nil
	}
	w.measured = time.Now()
	list, err := os.ReadDir(w.dir)
	if err != nil {
		return fmt.Errorf("measure the recordings: %w", err)
	}
	var total int64
	for _, e := range list {
		if filepath.Ext(e.Name()) != extension || !e.Type().IsRegular() || w.writes(e.Name()) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return fmt.Errorf("measure the recordings: %w", err)
		}
		total += info.Size()
	}
	w.budget.measure(total)
	return nil
}

func (w *writer) writes(name string) bool {
	for f := range w.open {
		if filepath.Base(f.path) == name {
			return true
		}
	}
	return false
}
