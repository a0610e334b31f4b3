package logsink

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// pause is how long a sink is left alone after a batch, so that many sessions wake it 50 times a second and not
// twice each. What comes after a quiet time it gets at once.
const pause = 20 * time.Millisecond

// outlet is a sink with its queue.
type outlet struct {
	sink   Sink
	queue  *queue
	failed func(sink string, err error)
	done   chan struct{} // closed when run returns

	delivered atomic.Uint64
	taken     atomic.Int64 // entries that the sink is consuming
}

func newOutlet(s Sink, limit int, failed func(string, error)) *outlet {
	return &outlet{sink: s, queue: newQueue(limit), failed: failed, done: make(chan struct{})}
}

// run feeds the sink until its queue is closed and empty, or until it fails.
func (o *outlet) run(ctx context.Context) {
	defer close(o.done)
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	alarm := newAlarm(o.sink)
	defer alarm.stop()
	var b flow.Batch
	due := false // the alarm has rung
	for !b.Last {
		tick := false
		if !due {
			select {
			case <-o.queue.wake:
			case <-alarm.rings:
				due = true
			case <-ticker.C:
				tick = true
			}
		}
		b.Entries, b.Missed, b.Last = o.queue.take(b.Entries)
		b.Tick, b.Now = tick, time.Now()
		if (due || tellsSomething(&b)) && !o.consume(ctx, b) {
			return
		}
		due = false
		alarm.set()
		rest := len(b.Entries) > 0 && !b.Last
		clear(b.Entries) // the sink is done with them: do not hold them until the next batch
		if rest {
			due = o.rest(alarm)
		}
	}
	o.queue.abandon(0)
}

// rest lets entries gather, unless they become many or the queue is closed. It says whether the alarm rang meanwhile.
func (o *outlet) rest(a alarm) (due bool) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false
	case <-o.queue.hurry:
		return false
	case <-a.rings:
		return true
	}
}

// tellsSomething is false of a batch that is of no use to a sink.
func tellsSomething(b *flow.Batch) bool {
	return len(b.Entries) > 0 || b.Missed > 0 || b.Tick || b.Last
}

// consume hands a batch to the sink; false when it was the last.
func (o *outlet) consume(ctx context.Context, b flow.Batch) bool {
	o.taken.Store(int64(len(b.Entries)))
	n, err := o.sink.Consume(ctx, b)
	o.taken.Store(0)
	if err == nil {
		o.delivered.Add(uint64(len(b.Entries)))
		return true
	}
	o.delivered.Add(uint64(n))
	o.queue.abandon(len(b.Entries) - n)
	if ctx.Err() == nil && o.failed != nil {
		o.failed(o.sink.Name(), err)
	}
	return false
}

func (o *outlet) stats() Stats {
	queued, dropped := o.queue.counts()
	s := Stats{Name: o.sink.Name(), Delivered: o.delivered.Load(), Dropped: dropped}
	s.Queued = queued + uint64(o.taken.Load())
	select {
	case <-o.done:
		s.Ended = true
	default:
	}
	return s
}

// wait returns whether the sink has finished before ctx is done.
func (o *outlet) wait(ctx context.Context) bool {
	select {
	case <-o.done:
		return true
	default:
	}
	select {
	case <-o.done:
		return true
	case <-ctx.Done():
		return false
	}
}
