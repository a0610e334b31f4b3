package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

// each tells the events of the sessions, as the clients' connections show them, with secrets overwritten.
func (e *sessionExport) each(ctx context.Context, tell func(*recordedFile, *recording.Event) error) error {
	for _, file := range e.files {
		o := e.keys
		o.Session = file.only(e.chosen)
		err := file.read(ctx, o, func(ev *recording.Event) error {
			if ev.Kind == recording.Data && !e.redaction.edit(ev) {
				ev.Missing += uint64(len(ev.Payload))
				ev.Payload, ev.Why = nil, block.WhyNotRedactable
			}
			return tell(file, ev)
		})
		e.redaction.over(file)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !file.torn {
			return err
		}
	}
	return nil
}

// filesMax is how many of the files of raw streams are open at a time.
const filesMax = 128

// rawFiles writes the streams of sessions to files.
type rawFiles struct {
	dir     string
	made    map[string]bool
	open    map[string]*os.File
	missing map[string]uint64
}

// raw writes the streams of the sessions.
func (e *sessionExport) raw(ctx context.Context) error {
	if err := e.makeDir(); err != nil {
		return err
	}
	r := &rawFiles{dir: e.to, made: map[string]bool{}, open: map[string]*os.File{}, missing: map[string]uint64{}}
	err := e.each(ctx, func(_ *recordedFile, ev *recording.Event) error {
		if ev.Kind != recording.Data {
			return nil
		}
		return r.write(ev)
	})
	if err = errors.Join(err, r.close()); err != nil {
		return err
	}
	for name, n := range r.missing {
		e.warn(fmt.Sprintf("%s lacks %s that are not in the recording", name, plural(n, "byte")))
	}
	return nil
}

func (r *rawFiles) write(ev *recording.Event) error {
	side := "client"
	if ev.Direction == flow.FromBackend {
		side = "service"
	}
	name := fileName(ev.Session.Name()) + "-" + side + ".bin"
	if ev.Missing > 0 {
		r.missing[name] += ev.Missing
	}
	f, err := r.file(name)
	if err != nil {
		return err
	}
	if _, err := f.Write(ev.Payload); err != nil {
		return fmt.Errorf("write a stream: %w", err)
	}
	return nil
}

// file is a stream's: made the first time, and opened again when it was closed to make room for others.
func (r *rawFiles) file(name string) (*os.File, error) {
	if f := r.open[name]; f != nil {
		return f, nil
	}
	if len(r.open) >= filesMax {
		if err := r.close(); err != nil {
			return nil, err
		}
	}
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if r.made[name] {
		how = os.O_WRONLY | os.O_APPEND
	}
	f, err := os.OpenFile(filepath.Join(r.dir, name), how, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the file for a stream: %w", err)
	}
	r.made[name], r.open[name] = true, f
	return f, nil
}

func (r *rawFiles) close() error {
	var errs []error
	for name, f := range r.open {
		errs = append(errs, f.Close())
		delete(r.open, name)
	}
	return errors.Join(errs...)
}
