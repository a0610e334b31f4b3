package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/logsink/terminal"
)

// findAgain is how often a view that follows looks for journals that were not there.
const findAgain = time.Second

// logView shows the records of several journals as one.
type logView struct {
	show shower
	errs io.Writer
	want history.Filter
	from logSource

	seen    map[string]uint64 // by directory: the last number that was read
	damaged uint64
}

func newLogView(show shower, errs io.Writer, want history.Filter, from logSource) *logView {
	return &logView{show: show, errs: errs, want: want, from: from, seen: make(map[string]uint64)}
}

// damage is the error for lines that could not be read.
func (v *logView) damage() error {
	if v.damaged == 0 {
		return nil
	}
	return fmt.Errorf("%s could not be read; 'lodoor verify' says more", plural(v.damaged, "line"))
}

// past shows what there is; session, when not empty, is the beginning of the id of the only session that is wanted.
func (v *logView) past(ctx context.Context, dirs []string, session string) error {
	list, err := v.open(ctx, dirs)
	if err != nil {
		return err
	}
	defer closeAll(list)
	if session != "" {
		if v.want.Session, err = v.resolve(ctx, list, session); err != nil {
			return err
		}
	}
	last := newLastOf(v.want.Limit)
	for e, err := range v.merged(ctx, list, v.matches) {
		switch {
		case err != nil:
			v.unreadable(err)
		case v.want.Limit > 0:
			last.add(&e)
		default:
			if err := v.show.record(&e); err != nil {
				return err
			}
		}
	}
	for e := range last.all() {
		if err := v.show.record(e); err != nil {
			return err
		}
	}
	return v.show.end()
}

// unreadable tells of a line that cannot be read.
func (v *logView) unreadable(err error) {
	v.damaged++
	fmt.Fprintf(v.errs, "lodoor: warning: %s\n", terminal.Visible(err.Error()))
}

// matches says whether a record is to be shown.
func (v *logView) matches(e *journal.Entry) bool { return v.want.Matches(e) && v.show.takes(e) }

// found is what one of the followed journals has got.
type found struct {
	entry journal.Entry
	err   error
}

// follow shows what there is and then, in the order in which it is met, what comes, until ctx ends. Journals that
// appear meanwhile are followed as well.
func (v *logView) follow(ctx context.Context, dirs []string, session string, find func() ([]string, error)) error {
	if err := v.past(ctx, dirs, session); err != nil {
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
		from := journal.From{Seq: v.seen[dir] + 1, Since: v.want.Since}
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
			if err := v.came(&f); err != nil {
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

// came shows what a followed journal has got, at once.
func (v *logView) came(f *found) error {
	if f.err != nil {
		v.unreadable(f.err)
		return nil
	}
	if !v.matches(&f.entry) {
		return nil
	}
	if err := v.show.record(&f.entry); err != nil {
		return err
	}
	return v.show.end()
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
