package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// doors are the running doors that the flags name.
func (f *queriesFlags) doors(ctx context.Context) ([]*control.Client, error) {
	if len(f.dirs) == 0 {
		return (&whichDoor{instance: f.instance}).all(ctx)
	}
	var all []*control.Client
	for _, dir := range f.dirs {
		found, err := (&whichDoor{dir: dir}).all(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// followedDoors is what doors tell of the operations at them.
type followedDoors struct {
	doors []*control.Client
	came  chan flow.Record // closed when no door tells anything more
	begun chan struct{}    // has one for each door that is heard
	ended sync.WaitGroup
	mu    sync.Mutex
	errs  []error
}

// followOperations begins to hear the doors, until ctx ends. The caller reads came to its end.
func followOperations(ctx context.Context, doors []*control.Client, service string) *followedDoors {
	d := &followedDoors{doors: doors, came: make(chan flow.Record, 1024), begun: make(chan struct{}, len(doors))}
	for _, door := range doors {
		d.ended.Go(func() {
			err := door.FollowOperations(ctx, service, func() { d.begun <- struct{}{} }, func(r *flow.Record) error {
				select {
				case d.came <- *r:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
			if err != nil && ctx.Err() == nil && !cutOff(err) {
				d.mu.Lock()
				d.errs = append(d.errs, fmt.Errorf("follow door %s: %w", door.Instance, err))
				d.mu.Unlock()
			}
		})
	}
	go func() {
		d.ended.Wait()
		close(d.came)
	}()
	return d
}

// cutOff says whether an error is a door's end.
func cutOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// followDoors shows what is asked at the doors: on a terminal as tables that are made anew each second, and otherwise
// line by line.
func (f *queriesFlags) followDoors(ctx context.Context, q *queries, out, errs io.Writer) error {
	doors, err := f.doors(ctx)
	if err != nil {
		return err
	}
	service := ""
	if len(f.services) == 1 {
		service = f.services[0]
	}
	ctx, stop := context.WithCancel(ctx)
	d := followOperations(ctx, doors, service)
	var show liveShower = &liveLines{form: f.liveForm(out), errs: errs, doors: len(doors), encoder: journal.NewEncoder()}
	if isTerminal(out) && !f.json {
		show = &liveTables{q, out, doors, make(map[flow.SessionID]time.Time)}
	}
	err = d.tell(ctx, q, show)
	stop()
	for range d.came { // what is on its way
	}
	return errors.Join(append(d.errs, err)...)
}

// liveForm is the form of lines.
func (f *queriesFlags) liveForm(out io.Writer) shower {
	if f.json {
		return newJSONLines(out)
	}
	return newLogLines(out, colored(out), false)
}

// tell shows what comes until no door tells anything more.
func (d *followedDoors) tell(ctx context.Context, q *queries, show liveShower) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for heard := 0; ; {
		select {
		case <-d.begun:
			if heard++; heard == len(d.doors) {
				if err := show.begin(ctx); err != nil {
					return err
				}
			}
		case r, more := <-d.came:
			if !more {
				return show.tick(ctx)
			}
			if !q.wants(&r) {
				continue
			}
			q.add(&r)
			if err := show.record(&r, len(d.came) > 0); err != nil {
				return err
			}
		case <-tick.C:
			if err := show.tick(ctx); err != nil {
				return err
			}
		}
	}
}
