package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/lodoor/lodoor/logsink/journal"
)

// feeds are what reads the journal while it is written: the history, the exports and the deliveries of alerts. Each has
// its own place in it and delays only itself.
type feeds struct {
	all   []*journal.Feed
	close []func() error // of the destinations, once no feed runs
}

// add makes a feed of the door's journal.
func (f *feeds) add(j *journal.Journal, c journal.FeedConfig) error {
	feed, err := j.Feed(c)
	if err != nil {
		return fmt.Errorf("feed %s from the journal: %w", c.Destination.Name(), err)
	}
	f.all = append(f.all, feed)
	return nil
}

// run feeds until ctx ends, which should be after the journal has: each then has a moment for what is left.
func (f *feeds) run(ctx context.Context) error {
	errs := make([]error, len(f.all))
	var running sync.WaitGroup
	for i, feed := range f.all {
		running.Go(func() { errs[i] = feed.Run(ctx) })
	}
	running.Wait()
	return errors.Join(append(errs, f.abandon())...)
}

// abandon closes the destinations.
func (f *feeds) abandon() error {
	var errs []error
	for _, closing := range f.close {
		errs = append(errs, closing())
	}
	f.close = nil
	return errors.Join(errs...)
}

// stats are those of each feed.
func (f *feeds) stats() []journal.FeedStats {
	all := make([]journal.FeedStats, len(f.all))
	for i, feed := range f.all {
		all[i] = feed.Stats()
	}
	return all
}

// historyShare is the part of one processor that the history may take of the sessions.
const historyShare = 0.1

// buildFeeds makes what reads the journal.
func (d *door) buildFeeds() error {
	if err := d.warnOfExports(); err != nil {
		return err
	}
	if d.journal == nil {
		return d.buildMetrics()
	}
	for _, c := range d.channels {
		// An alert from before the first start with a channel is old news.
		if err := d.feed(journal.FeedConfig{Destination: c, FromNow: true}); err != nil {
			return err
		}
	}
	if !d.config.History.Off() {
		if err := d.feed(journal.FeedConfig{Destination: d.newHistory(), Share: historyShare}); err != nil {
			return err
		}
	}
	return errors.Join(d.buildExports(), d.buildMetrics())
}

// feed adds a feed that tells its troubles.
func (d *door) feed(c journal.FeedConfig) error {
	name := c.Destination.Name()
	c.Warn = func(err error) {
		if err != nil {
			d.say.warn(err.Error()) // it names the feed
		} else {
			d.say.info(name + ": goes on")
		}
	}
	if closing, ok := c.Destination.(io.Closer); ok {
		d.feeds.close = append(d.feeds.close, closing.Close)
	}
	return d.feeds.add(d.journal, c)
}
