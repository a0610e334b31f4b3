package operations

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/lodoor/lodoor/proxy/flow"
)

// followers are those who want to know of operations as they happen.
type followers struct {
	any   atomic.Bool // whether there are some
	mu    sync.Mutex
	list  map[*follower]struct{}
	ended bool
}

type follower struct {
	service string // empty for all
	out     chan flow.Record
	dropped atomic.Uint64
}

// Follow tells of every operation of a service, or of all services when none is named, until ctx ends or Run does; then
// the channel is closed. Up to n operations wait for the reader; what comes beyond is dropped, and dropped says how many
// have been.
func (l *Log) Follow(ctx context.Context, service string, n int) (records <-chan flow.Record, dropped func() uint64) {
	f := &follower{service: service, out: make(chan flow.Record, n)}
	if !l.out.add(f) {
		close(f.out)
		return f.out, f.dropped.Load
	}
	context.AfterFunc(ctx, func() { l.out.remove(f) })
	return f.out, f.dropped.Load
}

// add answers whether there is still something to follow.
func (s *followers) add(f *follower) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	if s.list == nil {
		s.list = make(map[*follower]struct{})
	}
	s.list[f] = struct{}{}
	s.any.Store(true)
	return true
}

func (s *followers) remove(f *follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.list[f]; !there {
		return
	}
	delete(s.list, f)
	close(f.out)
	s.any.Store(len(s.list) > 0)
}

func (s *followers) tell(r *flow.Record) {
	if !s.any.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.list {
		if f.service != "" && f.service != r.Service {
			continue
		}
		select {
		case f.out <- *r:
		default:
			f.dropped.Add(1)
		}
	}
}

// end closes all channels.
func (s *followers) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for f := range s.list {
		close(f.out)
	}
	clear(s.list)
	s.any.Store(false)
}
