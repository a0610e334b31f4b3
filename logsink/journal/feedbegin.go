package journal

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	defaultBatch = 512
	longestName  = 64
)

// Feed makes a feed that begins where its cursor says. It fails when the destination's name cannot be that of a cursor,
// when the journal has a feed of that name that has not ended, and when the cursor is of another journal.
func (j *Journal) Feed(c FeedConfig) (*Feed, error) {
	f := &Feed{
		name: c.Destination.Name(), to: c.Destination, config: c, journal: j, wake: make(chan struct{}, 1),
		reader: newFeedReader(j),
	}
	f.config.Batch = orDefault(c.Batch, defaultBatch)
	if err := f.begin(); err != nil {
		return nil, fmt.Errorf("feed %q of journal %s: %w", f.name, j.Dir(), err)
	}
	return f, nil
}

func (f *Feed) begin() error {
	if !isCursorName(f.name) {
		return fmt.Errorf("the name is not usable: expected 1 to %d letters, digits, - and _", longestName)
	}
	if s := f.config.Share; s < 0 || s > 1 {
		return fmt.Errorf("a share of %v of a processor: expected 0 to 1", s)
	}
	f.cursor = f.journal.cursor(f.name)
	at, err := f.cursor.read(f.journal.id)
	if errors.Is(err, errCursor) || errors.Is(err, errOtherJournal) && f.journal.feeds.before == 0 {
		// In a journal that begins now nothing is delivered yet, whatever was in its directory before.
		f.warn(fmt.Errorf("feed %s: %w; its records are delivered from the oldest on", f.name, err))
		f.config.FromNow = false
	} else if err != nil {
		return err
	}
	if f.stats.At, err = f.start(at); err != nil {
		return err
	}
	if at.Epoch == "" && f.config.FromNow {
		f.keepBeginning()
	}
	f.stats.Name = f.name
	f.saved.Store(f.stats.At.Seq)
	return f.journal.feeds.add(f)
}

// start is where a feed begins when its destination does not know better: at its cursor, if it has one. A cursor without
// an epoch is of a feed that had taken nothing yet; its number may be another record's when the journal's end was lost.
func (f *Feed) start(cursor flow.Identity) (flow.Identity, error) {
	before := flow.Identity{Journal: f.journal.id, Seq: f.journal.feeds.before}
	switch {
	case cursor.Epoch != "":
		return cursor, nil
	case cursor.Journal != "":
		before.Seq = min(before.Seq, cursor.Seq)
		return before, nil
	case f.config.FromNow:
		return before, nil
	}
	err := f.reader.oldest()
	return f.reader.at, err
}

// keepBeginning writes where a feed begins that takes nothing from before this run. Without it a run that is killed before
// the destination took anything would leave the next one to begin with itself, and what waited would be lost.
func (f *Feed) keepBeginning() {
	if err := f.cursor.write(f.stats.At); err != nil {
		f.warn(fmt.Errorf("write the cursor of feed %s: %w", f.name, err))
	}
}

func isCursorName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	return name != "" && len(name) <= longestName && strings.Trim(name, letters) == ""
}
