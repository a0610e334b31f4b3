package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	firstBackoff   = time.Second
	longestBackoff = time.Minute
)

// backoff is the longest of the pauses after an error, twice as long after each.
type backoff time.Duration

// next is a pause between half and the whole of it, so that many feeds do not come at once.
func (b *backoff) next() time.Duration {
	*b = min(max(2**b, backoff(firstBackoff)), backoff(longestBackoff))
	half := time.Duration(*b) / 2
	return half + rand.N(half) //nolint:gosec // a pause is no secret
}

// wanted is how long a destination wants to be left alone.
func wanted(err error) time.Duration {
	var w Waiter
	if errors.As(err, &w) {
		return w.RetryAfter()
	}
	return 0
}

// batch are records that were read and are not delivered yet.
type batch struct {
	entries []Entry
	text    []byte        // their lines
	last    flow.Identity // the last record that was read, which may be one that is not wanted
}

var errNothingTaken = errors.New("the destination took no record, and told no error")

// step reads and delivers once.
func (f *Feed) step(ctx context.Context) error {
	if !f.located {
		if err := f.locate(ctx); err != nil {
			return err
		}
	}
	if len(f.batch.entries) == 0 {
		err := f.fill()
		f.tellMissed()
		if err != nil {
			return err
		}
	}
	total := len(f.batch.entries)
	if total == 0 {
		f.passed(f.batch.last, 0)
		return nil
	}
	n, err := f.to.Deliver(ctx, f.batch.entries)
	n = min(max(n, 0), total)
	if err == nil && n == 0 {
		err = errNothingTaken
	}
	f.delivered(n)
	if _, knows := f.to.(Resumer); knows && err != nil {
		f.located = false
	}
	return err
}

// locate puts the reader where the destination is.
func (f *Feed) locate(ctx context.Context) error {
	f.batch.drop()
	at := f.Stats().At
	if to, knows := f.to.(Resumer); knows {
		id, err := to.Resume(ctx, f.journal.id)
		switch {
		case err != nil:
			return fmt.Errorf("ask where to go on: %w", err)
		case id != flow.Identity{} && id.Journal != f.journal.id:
			return fmt.Errorf("it wants to go on in journal %q, expected this one, %q", id.Journal, f.journal.id)
		case id != flow.Identity{}:
			at = id
		case !f.config.FromNow:
			at = flow.Identity{}
		}
	}
	if err := f.move(at); err != nil {
		return fmt.Errorf("find where to go on: %w", err)
	}
	f.passed(f.reader.at, 0)
	f.saved.Store(min(f.saved.Load(), f.reader.at.Seq)) // a destination may have lost what it had
	f.located = true
	return nil
}

// move puts the reader behind a record.
func (f *Feed) move(at flow.Identity) error {
	switch {
	case at.Epoch != "":
		return f.reader.seek(at)
	case at.Seq > 0:
		f.reader.rewind(at.Seq)
		return nil
	default:
		return f.reader.oldest()
	}
}

// fill reads a batch of what is wanted. It returns with less when there is no more, and when it has looked at many
// lines.
func (f *Feed) fill() error {
	b := &f.batch
	for looked := 0; len(b.entries) < f.config.Batch && len(b.text) < batchBytes && looked < passBytes; {
		line, h, err := f.reader.next()
		b.last = f.reader.at
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		looked += len(line)
		if h.event == flow.EventUnknown || !f.to.Wants(h.event) {
			continue
		}
		if !b.add(line, f.reader.at) {
			f.reader.missed++
		} else if len(b.entries) == 1 {
			f.seenFirst(&b.entries[0])
		}
	}
	return nil
}

// add keeps a copy of a line. It is false when the line cannot be read.
func (b *batch) add(line []byte, id flow.Identity) bool {
	from := len(b.text)
	b.text = append(b.text, line...) // when it moves, the lines before stay where they are
	e, err := Decode(b.text[from:len(b.text):len(b.text)])
	if err != nil {
		return false
	}
	e.Identity = id
	b.entries = append(b.entries, e)
	return true
}

// keepText is how much room for lines is kept from one batch to the next.
const keepText = 128 << 10

// drop forgets the batch.
func (b *batch) drop() {
	clear(b.entries[:cap(b.entries)])
	b.entries, b.text = b.entries[:0], b.text[:0]
	if cap(b.text) > keepText {
		b.entries, b.text = nil, nil
	}
}

// delivered takes the first n records off the batch.
func (f *Feed) delivered(n int) {
	if n == 0 {
		return
	}
	f.backoff = 0
	if n == len(f.batch.entries) {
		f.passed(f.batch.last, n)
		f.batch.drop()
		return
	}
	f.passed(f.batch.entries[n-1].Identity, n)
	f.batch.entries = f.batch.entries[n:]
	f.seenFirst(&f.batch.entries[0])
}
