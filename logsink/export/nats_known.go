package export

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	knownBatch = 4096
	knownIdle  = time.Minute // after which the server forgets a consumer that nobody asks
)

// natsKnown are the numbers of the last record that the stream has of each epoch. Of an epoch it has all records up to
// that one, or had them until they grew too old for it.
type natsKnown map[string]uint64

func (k natsKnown) has(id flow.Identity) bool { return id.Seq <= k[id.Epoch] }

// check learns what the stream has when the first record to publish does not come behind the stream's last. That is so
// when the machine went down before the journal's end was on its disk. If a whole epoch was lost, the feed does not
// know the stream's last record and begins again with the oldest, most of which the stream may have.
func (l *natsLink) check(ctx context.Context, first flow.Identity) error {
	before := l.before
	l.before = flow.Identity{}
	if first.Seq > before.Seq {
		return nil
	}
	known, err := l.scan(ctx)
	if err != nil {
		return fmt.Errorf("read what %s has, since the journal does not have record %s: %w", l.subject, ID(before), err)
	}
	l.known = known
	return nil
}

// scan reads the headers of all messages of the subject.
func (l *natsLink) scan(ctx context.Context) (natsKnown, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.gone, cancel)() // the library waits for messages though there is no connection
	consumer, err := l.js.CreateConsumer(ctx, l.stream, jetstream.ConsumerConfig{
		FilterSubject: l.subject, HeadersOnly: true, AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: knownIdle,
	})
	if err != nil {
		return nil, err
	}
	// If that fails, the server forgets it all the same.
	defer func() { _ = l.js.DeleteConsumer(ctx, l.stream, consumer.CachedInfo().Name) }()
	known := natsKnown{}
	for read, left := uint64(0), consumer.CachedInfo().NumPending; read < left; {
		n, err := l.learn(ctx, known, consumer, read, min(knownBatch, left-read))
		if err != nil {
			return nil, err
		}
		if read += n; n == 0 {
			return nil, fmt.Errorf("%d of %d messages came within %v", read, left, l.timeout)
		}
	}
	return known, nil
}

// learn takes n messages at most, behind those that were read, and says how many came in time.
func (l *natsLink) learn(ctx context.Context, known natsKnown, c jetstream.Consumer, read, n uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	batch, err := c.Fetch(int(n), jetstream.FetchContext(ctx))
	if err != nil {
		return 0, err
	}
	before := read
	for m := range batch.Messages() {
		read++
		meta, err := m.Metadata()
		if err != nil {
			return 0, err
		}
		if meta.Sequence.Consumer != read {
			return 0, fmt.Errorf("message %d came instead of %d", meta.Sequence.Consumer, read)
		}
		id, err := natsIdentity(m.Headers())
		if err != nil {
			return 0, fmt.Errorf("message %d: %w", meta.Sequence.Stream, err)
		}
		known[id.Epoch] = max(known[id.Epoch], id.Seq)
	}
	return read - before, batch.Error()
}

// passed is how many of the entries, from the first on, the stream has.
func (l *natsLink) passed(entries []journal.Entry) int {
	n := 0
	for n < len(entries) && l.known.has(entries[n].Identity) {
		n++
	}
	return n
}
