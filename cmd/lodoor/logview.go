package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/logsink/terminal"
)

// findAgain is how often a view that follows looks for journals that were not there.
const findAgain = time.Second

// logView shows the records of several journals as one.
type logView struct {
	out    *bufio.Writer
	errs   io.Writer
	json   bool
	format terminal.Format
	since  time.Time
	want   logFilter

	line    []byte
	seen    map[string]uint64 // by directory: the last number that was read
	damaged uint64
}

func newLogView(out, errs io.Writer, json, color bool, since time.Time, want logFilter) *logView {
	return &logView{
		out: bufio.NewWriterSize(out, 64<<10), errs: errs, json: json, since: since, want: want,
		// The names are not known yet. Two make the column of services appear; it widens as they come.
		format: terminal.Format{Color: color, Date: true, Services: []string{"", ""}},
		seen:   make(map[string]uint64),
	}
}

// damage is the error for lines that could not be read.
func (v *logView) damage() error {
	if v.damaged == 0 {
		return nil
	}
	return fmt.Errorf("%s could not be read; 'lodoor verify' says more", plural(v.damaged, "line"))
}

// past shows what there is.
func (v *logView) past(ctx context.Context, dirs []string) error {
	for e, err := range v.merged(ctx, dirs) {
		if err := v.show(&e, err); err != nil {
			return err
		}
	}
	return v.out.Flush()
}

// show writes a record if it is wanted. Its error is of the writing.
func (v *logView) show(e *journal.Entry, err error) error {
	if err != nil {
		v.damaged++
		fmt.Fprintf(v.errs, "lodoor: warning: %s\n", terminal.Visible(err.Error()))
		return nil
	}
	r := &e.Record
	if !v.want.matches(r) {
		return nil
	}
	if v.json {
		v.line = append(append(v.line[:0], e.Line...), '\n')
	} else {
		if r.Service != "" && !slices.Contains(v.format.Services, r.Service) {
			v.format.Services = append(v.format.Services, r.Service)
		}
		v.line = v.format.Append(v.line[:0], r)
	}
	_, err = v.out.Write(v.line)
	return err
}

// source is a journal that is read beside others.
type source struct {
	dir  string
	next func() (journal.Entry, error, bool)
	stop func()

	entry journal.Entry
	err   error
	ok    bool
}

func (s *source) advance() { s.entry, s.err, s.ok = s.next() }

// merged yields the records of all journals by time, those of each in their own order. What cannot be read comes as
// soon as it is met. An entry's Line is valid until the next one.
func (v *logView) merged(ctx context.Context, dirs []string) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		sources := make([]*source, len(dirs))
		for i, dir := range dirs {
			s := &source{dir: dir}
			s.next, s.stop = iter.Pull2(journal.Read(dir, journal.From{Since: v.since}))
			defer s.stop()
			s.advance()
			sources[i] = s
		}
		for ctx.Err() == nil {
			s := earliest(sources)
			if s == nil {
				return
			}
			v.seen[s.dir] = max(v.seen[s.dir], s.entry.Identity.Seq)
			if !yield(s.entry, s.err) {
				return
			}
			s.advance()
		}
	}
}

// earliest is the source whose record comes next; nil at the end of all.
func earliest(sources []*source) (first *source) {
	for _, s := range sources {
		switch {
		case !s.ok:
		case s.err != nil:
			return s
		case first == nil || s.entry.Record.Time.Before(first.entry.Record.Time):
			first = s
		}
	}
	return first
}

// found is what one of the followed journals has got.
type found struct {
	entry journal.Entry
	err   error
}

// follow shows what there is and then, in the order in which it is met, what comes, until ctx ends. Journals that
// appear meanwhile are followed as well.
func (v *logView) follow(ctx context.Context, dirs []string, find func() ([]string, error)) error {
	if err := v.past(ctx, dirs); err != nil {
		return err
	}
	fmt.Fprintf(v.errs, "lodoor: following %s; Ctrl-C ends\n", plural(uint64(len(dirs)), "journal"))
	ctx, stop := context.WithCancel(ctx)
	var readers sync.WaitGroup
	defer readers.Wait()
	defer stop()
	came := make(chan found)
	begin := func(dir string, from journal.From) {
		readers.Go(func() { forward(ctx, dir, from, came) })
	}
	followed := make(map[string]bool)
	for _, dir := range dirs {
		from := journal.From{Seq: v.seen[dir] + 1, Since: v.since}
		followed[dir] = true
		begin(dir, from)
	}
	again := time.NewTicker(findAgain)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case f := <-came:
			if err := v.show(&f.entry, f.err); err != nil {
				return err
			}
			if err := v.out.Flush(); err != nil {
				return err
			}
		case <-again.C:
			more, _ := find() // it was told at the start what is wrong, and may be all right again soon
			for _, dir := range more {
				if !followed[dir] {
					followed[dir] = true
					begin(dir, journal.From{})
				}
			}
		}
	}
}

// forward sends what is written to a journal until ctx ends.
func forward(ctx context.Context, dir string, from journal.From, to chan<- found) {
	for e, err := range journal.Follow(ctx, dir, from) {
		e.Line = bytes.Clone(e.Line)
		select {
		case to <- found{e, err}:
		case <-ctx.Done():
			return
		}
	}
}
