package pcapng

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/policy"
)

// maxBehind is how much may wait for somebody who follows.
const maxBehind = 8 << 20

// errBehind is told to who reads too slowly: what is left out would look like a loss on the network.
var errBehind = errors.New("what is recorded comes faster than it is read")

// follower is somebody who reads along as recordings are written.
type follower struct {
	some chan struct{}

	mu     sync.Mutex
	blocks []byte
	behind bool
}

// followers are those of each service. The writer changes them.
type followers map[string][]*follower

// tell gives blocks to all who follow a service.
func (f followers) tell(service string, blocks []byte) {
	if len(f) == 0 || len(blocks) == 0 {
		return
	}
	for _, one := range f[service] {
		one.add(blocks)
	}
}

func (f *follower) add(blocks []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.behind = f.behind || len(f.blocks)+len(blocks) > maxBehind; f.behind {
		f.blocks = nil
	} else {
		f.blocks = append(f.blocks, blocks...)
	}
	signal(f.some)
}

func (f *follower) take(empty []byte) ([]byte, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	full := f.blocks
	f.blocks = empty[:0]
	return full, f.behind
}

// Follow writes to w, as a file of its own, what is recorded of a service from now on, until ctx ends or the recorder
// does. A service that nobody has recorded is recorded for that alone, and to no file: its sessions that begin from now
// on. That ctx has ended is no error.
func (r *Recorder) Follow(ctx context.Context, service string, w io.Writer) error {
	one := &follower{some: make(chan struct{}, 1)}
	leave, err := r.join(service, one)
	if err != nil {
		return fmt.Errorf("follow %s: %w", service, err)
	}
	defer leave()
	var blocks []byte
	for {
		last := false
		select {
		case <-one.some:
		case <-ctx.Done():
			last = true
		case <-r.done:
			last = true
		}
		var behind bool
		blocks, behind = one.take(blocks)
		if behind {
			err = errBehind
		} else {
			_, err = w.Write(blocks)
		}
		if err != nil && ctx.Err() == nil { // otherwise who has followed is gone
			return fmt.Errorf("follow %s: %w", service, err)
		}
		if last {
			return nil
		}
	}
}

// join has somebody follow a service until leave is called.
func (r *Recorder) join(service string, one *follower) (leave func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pass(time.Now())
	var own *policy.Recording
	if !r.wanted(service) {
		plan := r.config.Plan()
		plan.Ring = true // which takes no room on the disk
		if own, err = r.table.Start(policy.Request{Service: service, By: "follow", Plan: plan}, time.Now()); err != nil {
			return nil, err
		}
		r.writer.nowhere[own] = struct{}{}
	}
	r.writer.greet(service, one)
	r.writer.followers[service] = append(r.writer.followers[service], one)
	return func() { r.leave(service, one, own) }, nil
}

// wanted says whether there is a recording of a service.
func (r *Recorder) wanted(service string) bool {
	for _, a := range r.active() {
		if a.Service == service {
			return true
		}
	}
	return false
}

func (r *Recorder) leave(service string, one *follower, own *policy.Recording) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var others []*follower
	for _, other := range r.writer.followers[service] {
		if other != one {
			others = append(others, other)
		}
	}
	if r.writer.followers[service] = others; len(others) == 0 {
		delete(r.writer.followers, service)
	}
	if own != nil {
		r.table.End(own)
		r.pass(time.Now())
		r.writer.ended([]*policy.Recording{own})
		delete(r.writer.nowhere, own)
	}
}

// greet tells who begins to follow what everything else depends on, and has the sessions that run say again which they
// are.
func (w *writer) greet(service string, one *follower) {
	b := w.secrets.appendSoFar(track{service: service}.head(w.application), service)
	for f := range w.open {
		if f.track.service == service {
			f.generation++
			b = block.AppendNames(b, f.names())
		}
	}
	one.add(b)
}
