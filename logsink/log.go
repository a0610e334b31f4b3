package logsink

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Config says where records go.
type Config struct {
	// Journal gets every record first; nil is no journal.
	Journal Journal
	// Alerts is the sink that appends records of its own; nil is none. At the end it is finished before the others, so
	// that its last words reach them.
	Alerts Sink
	// Sinks get records in the order of commit.
	Sinks []Sink
	// Queue is how many records may wait for one sink; 0 is 4096.
	Queue int
	// Flush is how long Run waits, at the end, for sinks to take what is queued; 0 is 3 seconds.
	Flush time.Duration
	// Failed, which may be nil, is told once when a sink has failed and gets no more records.
	Failed func(sink string, err error)
}

// Log takes records for the journal and the sinks. Append may be called from any goroutine, before Run as well.
type Log struct {
	journal Journal
	alerts  *outlet // nil when there are none
	outlets []*outlet
	flush   time.Duration

	pending    atomic.Int64  // appended, not yet committed
	idle       chan struct{} // holds a token after pending became 0
	deliveries sync.Pool     // of *delivery
}

// New returns a Log. Nothing is delivered to sinks until Run.
func New(c Config) (*Log, error) {
	if c.Queue < 0 || c.Flush < 0 {
		return nil, fmt.Errorf("log: queue %d and flush %v must not be negative", c.Queue, c.Flush)
	}
	if c.Queue == 0 {
		c.Queue = 4096
	}
	if c.Flush == 0 {
		c.Flush = 3 * time.Second
	}
	l := &Log{journal: c.Journal, flush: c.Flush, idle: make(chan struct{}, 1)}
	l.deliveries.New = func() any { return newDelivery(l) }
	if c.Alerts != nil {
		l.alerts = newOutlet(c.Alerts, c.Queue, c.Failed)
		l.outlets = append(l.outlets, l.alerts)
	}
	for _, s := range c.Sinks {
		l.outlets = append(l.outlets, newOutlet(s, c.Queue, c.Failed))
	}
	return l, nil
}

// Append gives a record to the journal and, when it is committed or has failed, to the sinks. It waits for none of
// them. done, which may be nil, is called with the journal's answer; without a journal at once. Sinks may look at r
// for as long as they like: what it points to must not change any more.
func (l *Log) Append(r flow.Record, done func(flow.Identity, error)) {
	if l.journal == nil {
		l.unjournalled(&r, done)
		return
	}
	l.pending.Add(1)
	l.journal.Append(r, l.delivery(&r, done).answer)
}

// Add is Append by a caller who calls Flush soon: the journal wakes nobody to write the record. done is called on
// whichever goroutine writes it, maybe that of another caller of Flush.
func (l *Log) Add(r flow.Record, done func(flow.Identity, error)) {
	if l.journal == nil {
		l.unjournalled(&r, done)
		return
	}
	l.pending.Add(1)
	l.journal.Add(r, l.delivery(&r, done).answer)
}

// Flush has the journal write what was added. When there is nothing it costs an atomic load.
func (l *Log) Flush() {
	if l.journal != nil {
		l.journal.Flush()
	}
}

func (l *Log) unjournalled(r *flow.Record, done func(flow.Identity, error)) {
	if l.wanted(r.Event) {
		l.publish(keep(r))
	}
	if done != nil {
		done(flow.Identity{}, nil)
	}
}

// Publish gives a record to the sinks only: one that the journal wrote on its own account. r must not change any more.
func (l *Log) Publish(id flow.Identity, r *flow.Record, err error) {
	if l.wanted(r.Event) {
		l.publish(&flow.Entry{ID: id, Record: r, Err: err})
	}
}

// wanted says whether any sink wants records of this event.
func (l *Log) wanted(e flow.Event) bool {
	for _, o := range l.outlets {
		if o.sink.Wants(e) {
			return true
		}
	}
	return false
}

func (l *Log) publish(e *flow.Entry) {
	for _, o := range l.outlets {
		if o.sink.Wants(e.Record.Event) {
			o.queue.put(e)
		}
	}
}

// Stats say how each sink does; the one for alerts is first.
func (l *Log) Stats() []Stats {
	stats := make([]Stats, len(l.outlets))
	for i, o := range l.outlets {
		stats[i] = o.stats()
	}
	return stats
}

// Run feeds the sinks until ctx is done, which should be after the last Append; what comes later is counted as dropped.
// Then it waits, no longer than Config.Flush, until they have taken what is queued. The error says what they have not.
//
// A sink that does not return even then, as from a write to a stopped terminal, is left behind: no system call takes
// a write back, and lodoor ends anyway. Its goroutine ends when the write does, or with the process.
func (l *Log) Run(ctx context.Context) error {
	force, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, o := range l.outlets {
		go o.run(force)
	}
	<-ctx.Done()
	flush, stop := context.WithTimeout(context.Background(), l.flush)
	defer stop()
	l.finish(flush)
	err := l.undelivered()
	cancel()
	grace, stop := context.WithTimeout(context.Background(), l.flush/10)
	defer stop()
	for _, o := range l.outlets {
		o.wait(grace)
	}
	return err
}

// finish closes the queues, that of the alerts before the others, and waits for the sinks.
func (l *Log) finish(ctx context.Context) {
	l.settle(ctx)
	if l.alerts != nil {
		l.alerts.queue.close()
		l.alerts.wait(ctx)
		l.settle(ctx)
	}
	for _, o := range l.outlets {
		o.queue.close()
	}
	for _, o := range l.outlets {
		o.wait(ctx)
	}
}

// settle waits until the journal has answered for every record.
func (l *Log) settle(ctx context.Context) {
	for l.pending.Load() > 0 {
		select {
		case <-l.idle:
		case <-ctx.Done():
			return
		}
	}
}

func (l *Log) undelivered() error {
	var errs []error
	if n := l.pending.Load(); n > 0 {
		errs = append(errs, fmt.Errorf("the journal has not answered for %d records", n))
	}
	for _, o := range l.outlets {
		if s := o.stats(); !s.Ended && s.Queued > 0 {
			errs = append(errs, fmt.Errorf("%s has not taken %d records", s.Name, s.Queued))
		}
	}
	return errors.Join(errs...)
}
