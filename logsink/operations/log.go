package operations

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// queueMax is how many operations may wait for Run. It is about a tenth of a second of the fastest client.
const queueMax = 8192

// journalMax is about how many bytes of operations may be on their way to the journal. What it has room for otherwise is
// for the sessions: they are not let in when their open finds none.
const journalMax = 4 << 20

// lastPass is how long Run waits at its end for the journal to take what is left.
const lastPass = time.Second

// Config is what a Log is made of.
type Config struct {
	Settings Settings
	// Append writes a record to the journal; it does not wait for it. It is called by Run alone, and calls done once the
	// record is written or lost.
	Append func(r flow.Record, done func())
	// Trouble says that operations were dropped, at most every ten seconds; nil tells nobody. It is called by Run alone.
	Trouble func(err error)
}

// Log takes operations off the sessions' path and passes them on to the journal and to whoever follows.
type Log struct {
	config   Config
	settings atomic.Pointer[Settings]
	count    atomic.Uint64 // of operations, for samples
	dropped  atomic.Uint64
	recorded atomic.Uint64
	under    atomic.Int64  // bytes of operations on their way to the journal, about
	room     chan struct{} // has a token when they became fewer

	mu      sync.Mutex
	waiting []taken
	wake    chan struct{}
	out     followers
}

// taken is an operation that waits for Run.
type taken struct {
	record flow.Record
	chosen bool // for the journal
}

// Stats are what became of operations since the start.
type Stats struct {
	Seen     uint64 // that were read
	Recorded uint64 // that went to the journal
	Dropped  uint64 // that should have gone somewhere, and for which there was no room
}

// New makes a Log. Its settings are valid.
func New(c Config) *Log {
	l := &Log{config: c, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	l.Configure(c.Settings)
	return l
}

// Configure has what comes from now on chosen by other settings. They are valid.
func (l *Log) Configure(s Settings) {
	s = s.withDefaults()
	l.settings.Store(&s)
}

// Add takes an operation; r is valid during the call only. It never waits, and may be called on any goroutine.
func (l *Log) Add(r *flow.Record) {
	n := l.count.Add(1)
	chosen := l.settings.Load().chooses(r, n)
	if !chosen && !l.out.any.Load() {
		return
	}
	l.mu.Lock()
	full := len(l.waiting) >= queueMax
	if !full {
		l.waiting = append(l.waiting, taken{*r, chosen})
	}
	first := len(l.waiting) == 1
	l.mu.Unlock()
	if full {
		l.dropped.Add(1)
		return
	}
	if first {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// chooses says whether an operation, the nth one, is recorded.
func (s *Settings) chooses(r *flow.Record, n uint64) bool {
	o := r.Operation
	switch s.Record {
	case All:
		return true
	case Slow:
		return o.Failed || r.Time.Sub(o.Started) >= s.SlowerThan
	case Sample:
		return o.Failed || n%uint64(s.Sample) == 0
	}
	return false
}

// Run passes operations on until ctx ends, and then what still waits. Who follows is told no more after it.
func (l *Log) Run(ctx context.Context) error {
	defer l.out.end()
	report := time.NewTicker(10 * time.Second)
	defer report.Stop()
	told := uint64(0)
	var spare []taken
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastPass)
			defer cancel()
			l.pass(last, spare)
			l.report(&told)
			return nil
		case <-report.C:
			l.report(&told)
		case <-l.wake:
			spare = l.pass(ctx, spare)
		}
	}
}

// pass passes on what waits, and answers its memory for the next time. It waits for the journal, as long as ctx lasts;
// meanwhile what comes waits in its turn, and is dropped when that becomes too much.
func (l *Log) pass(ctx context.Context, spare []taken) []taken {
	l.mu.Lock()
	batch := l.waiting
	l.waiting = spare[:0]
	l.mu.Unlock()
	for i := range batch {
		t := &batch[i]
		l.out.tell(&t.record)
		switch {
		case !t.chosen:
		case l.append(ctx, &t.record):
			l.recorded.Add(1)
		default:
			l.dropped.Add(1)
		}
	}
	clear(batch)
	return batch
}

// append gives a record to the journal once there is room; false when ctx ended before there was.
func (l *Log) append(ctx context.Context, r *flow.Record) bool {
	const beside = 1 << 10 // what a record has besides its texts, at most
	size := int64(len(r.Operation.Text) + len(r.Operation.Error) + beside)
	for l.under.Load()+size > journalMax {
		select {
		case <-l.room:
		case <-ctx.Done():
			return false
		}
	}
	l.under.Add(size)
	l.config.Append(*r, func() {
		l.under.Add(-size)
		select {
		case l.room <- struct{}{}:
		default:
		}
	})
	return true
}

func (l *Log) report(told *uint64) {
	dropped := l.dropped.Load()
	if dropped == *told {
		return
	}
	if l.config.Trouble != nil {
		l.config.Trouble(fmt.Errorf("%d operations were dropped: they came faster than the journal or who follows them took them, "+
			"%d waited; operations: record: slow, or a larger sample, records fewer", dropped-*told, queueMax))
	}
	*told = dropped
}

// Stats are what became of operations since the start.
func (l *Log) Stats() Stats {
	return Stats{Seen: l.count.Load(), Recorded: l.recorded.Load(), Dropped: l.dropped.Load()}
}
