package origin

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
)

const (
	// glances is how many of the processes that were found last are looked at before all others. Each costs some tens
	// of microseconds.
	glances = 8
	// believed is how long a process is believed to hold its sockets alone after a scan has shown that it did. A
	// program that hands its sockets on, or lets its children inherit them, does so with most of them.
	believed = 10 * time.Second
)

// search looks through /proc. One goroutine at a time uses it.
type search struct {
	fs        procfs.FS
	scanner   *procfs.Scanner
	options   procfs.Options
	users     *Users
	forwarder func(context.Context, *flow.Process) *flow.Forwarder
	now       func() time.Time

	processes *processes
	wanted    map[uint64]*quarry // by inode
	order     []int              // processes to look at
	held      []uint64           // what the process in hand holds of the wanted
	turn      uint64             // counts searches
}

// quarry is a socket that is looked for.
type quarry struct {
	seeks   []*seek
	holders []*holder // newest first
}

func newSearch(c ResolverConfig) (searcher, []string, error) {
	s := newProcSearch(c)
	return s, s.missing(), nil
}

func newProcSearch(c ResolverConfig) *search {
	fs := procfs.New(c.Proc)
	return &search{
		fs: fs, scanner: fs.Scanner(), options: c.Process, users: c.Users, forwarder: c.Forwarder, now: time.Now,
		processes: newProcesses(), wanted: make(map[uint64]*quarry),
	}
}

// glance answers those whose process is known, or among those that were found last.
func (s *search) glance(ctx context.Context, p *party) {
	defer s.tidy()
	s.want(ctx, p)
	now := s.now()
	s.order = s.processes.recent(s.order[:0], glances)
	for _, pid := range s.order {
		if len(s.wanted) == 0 {
			return
		}
		if !s.processes.alone(pid, now) || !s.touches(pid, p.waits) {
			continue
		}
		h := s.examine(pid)
		if h == nil || !now.Before(h.alone) { // it may be another by now
			continue
		}
		for _, inode := range s.held {
			if q := s.wanted[inode]; q != nil { // a process may hold a socket twice
				q.holders = append(q.holders, h)
				s.answer(ctx, q)
				delete(s.wanted, inode)
			}
		}
	}
}

// scan looks at all processes, and only then answers: another one may hold the same socket.
func (s *search) scan(ctx context.Context, p *party) bool {
	defer s.tidy()
	s.want(ctx, p)
	if len(s.wanted) == 0 {
		return true
	}
	if !s.hunt(func() bool { return ctx.Err() == nil && p.waits() }) {
		return false
	}
	for _, q := range s.wanted {
		if len(q.holders) > 0 {
			s.answer(ctx, q)
		}
	}
	return true
}

// tidy gives up what only a storm needed.
func (s *search) tidy() {
	if len(s.wanted) > keepSeeks {
		s.wanted, s.held = make(map[uint64]*quarry), nil
		return
	}
	clear(s.wanted) // sessions are not to be held
}

// want sets out what is looked for. Those that cannot be found are answered, and so are those whose process is known.
func (s *search) want(ctx context.Context, p *party) {
	s.turn++
	clear(s.wanted)
	sight := newSight()
	for i := range p.seeks {
		k := &p.seeks[i]
		if !k.over && k.lead.PIDFD != 0 {
			s.meet(ctx, k)
		}
		switch {
		case k.over:
		case k.lead.Inode == 0 || k.known.Known() && !sight.reaches(k.known.UID):
			k.answer(k.known)
		default:
			q := s.wanted[k.lead.Inode]
			if q == nil {
				q = &quarry{}
				s.wanted[k.lead.Inode] = q
			}
			q.seeks = append(q.seeks, k)
		}
	}
}

// hunt looks at every process for what is wanted, those that were found last first, while goOn says so. It says whether
// it came to the end.
func (s *search) hunt(goOn func() bool) bool {
	s.order = s.processes.recent(s.order[:0], glances)
	recent := len(s.order)
	pids, err := s.scanner.PIDs()
	if err != nil {
		return false
	}
	for _, pid := range pids {
		if !contains(s.order[:recent], pid) {
			s.order = append(s.order, pid)
		}
	}
	for _, pid := range s.order {
		if !goOn() {
			return false
		}
		if !s.touches(pid, goOn) {
			continue
		}
		h := s.examine(pid)
		if h == nil {
			continue
		}
		for _, inode := range s.held {
			if q := s.wanted[inode]; !q.has(h) {
				q.holders = append(q.holders, h)
			}
		}
	}
	s.learn()
	return true
}

func contains(pids []int, pid int) bool {
	for _, p := range pids {
		if p == pid {
			return true
		}
	}
	return false
}

// has says whether a process was found already: it may hold a socket twice.
func (q *quarry) has(h *holder) bool {
	return len(q.holders) > 0 && q.holders[len(q.holders)-1] == h
}

// touches says whether a process has one of the wanted sockets: quicker than examine, which is sure.
func (s *search) touches(pid int, goOn func() bool) (found bool) {
	const ask = 1024 // a process may have millions
	n := 0
	err := s.scanner.Sockets(pid, func(inode uint64) bool {
		_, found = s.wanted[inode]
		n++
		return !found && (n%ask != 0 || goOn())
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		s.processes.forget(pid)
	}
	return found
}

// learn notes which processes hold their sockets alone.
func (s *search) learn() {
	until := s.now().Add(believed)
	for _, q := range s.wanted {
		for _, h := range q.holders {
			h.alone = until
		}
	}
	for _, q := range s.wanted {
		for _, h := range q.holders {
			if len(q.holders) > 1 {
				h.alone = time.Time{}
			}
		}
	}
}
