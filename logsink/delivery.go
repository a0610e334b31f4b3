package logsink

import "github.com/lodoor/lodoor/proxy/flow"

// delivery is a record on its way through the journal. Deliveries are used again: a record that no sink wants leaves
// no garbage.
type delivery struct {
	log    *Log
	entry  *flow.Entry // what sinks get; nil when none wants it
	done   func(flow.Identity, error)
	answer func(flow.Identity, error) // deliver, bound once
}

// kept is an entry and its record in one piece of memory, which sinks may hold as long as they like.
type kept struct {
	entry  flow.Entry
	record flow.Record
}

// keep copies a record for the sinks.
func keep(r *flow.Record) *flow.Entry {
	k := &kept{record: *r}
	k.entry.Record = &k.record
	return &k.entry
}

func newDelivery(l *Log) *delivery {
	d := &delivery{log: l}
	d.answer = d.deliver
	return d
}

// delivery copies r, since the journal answers later, but only when a sink wants it.
func (l *Log) delivery(r *flow.Record, done func(flow.Identity, error)) *delivery {
	d := l.deliveries.Get().(*delivery)
	d.done = done
	if l.wanted(r.Event) {
		d.entry = keep(r)
	}
	return d
}

// deliver is the journal's answer.
func (d *delivery) deliver(id flow.Identity, err error) {
	l, e, done := d.log, d.entry, d.done
	d.entry, d.done = nil, nil
	l.deliveries.Put(d)
	// The sinks come first: done may append what follows, and they are to see it afterwards.
	if e != nil {
		e.ID, e.Err = id, err
		l.publish(e)
	}
	if done != nil {
		done(id, err)
	}
	if l.pending.Add(-1) == 0 {
		select {
		case l.idle <- struct{}{}:
		default:
		}
	}
}
