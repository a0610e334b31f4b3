package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// writeSize is how many bytes of lines are written at once.
const writeSize = 32 << 10

// Encode appends a record as a line of JSON, without the newline.
type Encode func(dst []byte, id flow.Identity, r *flow.Record) ([]byte, error)

// Config says what is shown, how and where.
type Config struct {
	// Out is usually standard output. A write to it may block for ever: see Run of logsink.Log.
	Out io.Writer
	// Format is how lines for people look.
	Format Format
	// Encode, when not nil, makes lines of JSON instead, one for each record.
	Encode Encode
	// Quiet shows only refusals, alerts and trouble.
	Quiet bool
	// Rate is how many opens, closes, refusals and operations a second get a line each, before they are counted; 0 is 20.
	Rate int
}

// Console is a sink that writes records as lines.
type Console struct {
	c    Config
	busy busy
	hold hold
	buf  []byte
}

// New returns a Console. It fails when there is nothing to write to.
func New(c Config) (*Console, error) {
	if c.Out == nil {
		return nil, errors.New("console: no output")
	}
	if c.Rate < 0 {
		return nil, fmt.Errorf("console: rate %d must not be negative", c.Rate)
	}
	if c.Rate == 0 {
		c.Rate = 20
	}
	return &Console{c: c, busy: busy{limit: c.Rate}}, nil
}

// Name is "console".
func (c *Console) Name() string { return "console" }

// Wants says which events are shown. A person who sees the lines come needs no heartbeat.
func (c *Console) Wants(e flow.Event) bool {
	if !c.c.Quiet {
		return e != flow.EventJournalHeartbeat || c.c.Encode != nil
	}
	switch e {
	case flow.EventSessionRefused, flow.EventAlert, flow.EventJournalGap, flow.EventConfigRejected:
		return true
	default:
		return false
	}
}

// Consume writes a batch. An error, as of a closed pipe, is for good: nothing can be shown any more.
func (c *Console) Consume(ctx context.Context, b flow.Batch) (int, error) {
	written := 0
	for i, e := range b.Entries {
		if err := c.show(e, b.Now); err != nil {
			return written, err
		}
		if len(c.buf) < writeSize {
			continue
		}
		if err := c.write(ctx); err != nil {
			return written, err
		}
		written = i + 1
	}
	for e, ok := c.hold.overdue(b.Now, b.Last); ok; e, ok = c.hold.overdue(b.Now, b.Last) {
		c.line(e)
	}
	if b.Missed > 0 {
		c.missed(b)
	}
	if (b.Tick || b.Last) && c.c.Encode == nil {
		c.sum(b.Now)
	}
	if err := c.write(ctx); err != nil {
		return written, err
	}
	return len(b.Entries), nil
}

// Wake is when an open that is held has to be shown.
func (c *Console) Wake() time.Time { return c.hold.next() }

func (c *Console) show(e *flow.Entry, now time.Time) error {
	if c.c.Encode != nil {
		return c.encode(e)
	}
	r := e.Record
	told := c.release(r)
	if !c.busy.show(r) {
		return nil
	}
	switch {
	case waits(r) && c.hold.add(e, now.Add(patience)):
	case r.Event == flow.EventSessionOrigin && (told || !remarkable(r.Origin)):
		// The line of the open says it, or that of the close will.
	default:
		c.line(e)
	}
	return nil
}

func (c *Console) line(e *flow.Entry) { c.buf = c.c.Format.append(c.buf, e.Record, e.Err) }

// release shows the open of r's session, if it is held, with what r knows of the origin. It says whether it did.
func (c *Console) release(r *flow.Record) bool {
	if len(c.hold.opens) == 0 {
		return false
	}
	open, ok := c.hold.take(r.Session)
	if !ok {
		return false
	}
	better := *open.Record // the record itself belongs to all sinks
	if r.Origin != nil && r.Origin.Known() {
		better.Origin = r.Origin
	}
	c.line(&flow.Entry{ID: open.ID, Record: &better, Err: open.Err})
	return true
}

func (c *Console) encode(e *flow.Entry) (err error) {
	if c.buf, err = c.c.Encode(c.buf, e.ID, e.Record); err != nil {
		return fmt.Errorf("show a record: %w", err)
	}
	c.buf = append(c.buf, '\n')
	return nil
}

// missed tells of lines that found no room while the terminal was slow.
func (c *Console) missed(b flow.Batch) {
	if c.c.Encode != nil {
		t := b.Now.UTC().Format(time.RFC3339Nano)
		c.buf = fmt.Appendf(c.buf, `{"time":%q,"event":"console.missed","count":%d}`+"\n", t, b.Missed)
		return
	}
	text := count(b.Missed, "line") + " not shown: this terminal was too slow"
	c.buf = c.c.Format.note(c.buf, b.Now, red, "MISSED", text)
}

func (c *Console) sum(now time.Time) {
	sessions, operations, refusals := c.busy.sum(now)
	for _, words := range []string{sessions, operations} {
		if words != "" {
			c.buf = c.c.Format.note(c.buf, now, plain, "busy", words)
		}
	}
	if refusals != "" {
		c.buf = c.c.Format.note(c.buf, now, red, "REFUSED", refusals)
	}
}

// write empties the buffer.
func (c *Console) write(ctx context.Context) error {
	if len(c.buf) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := c.c.Out.Write(c.buf)
	c.buf = c.buf[:0]
	if err != nil {
		return fmt.Errorf("show lines: %w", err)
	}
	return nil
}
