package main

import (
	"errors"
	"fmt"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// journalOff is the journal's directory when there is to be none.
const journalOff = "off"

// journalSettings are the journal's, with the directory found; empty is no journal.
func (d *door) journalSettings() (journal.Settings, error) {
	settings := d.config.Journal
	switch settings.Dir {
	case journalOff:
		settings.Dir = ""
	case "":
		dir, err := journal.DefaultDir(instanceOf(d.config))
		if err != nil {
			return settings, fmt.Errorf("find a place for the journal: %w; name one with --journal DIR, or --journal off", err)
		}
		settings.Dir = dir
	}
	return settings, nil
}

func (d *door) openJournal(settings journal.Settings) error {
	if settings.Dir == "" {
		return nil
	}
	var err error
	d.journal, err = journal.Open(journal.Config{
		Settings: settings, Version: version(), Host: d.host,
		Trouble: func(err error) { d.journalTrouble(err, settings.OnFull) },
		Mended:  d.alerts.Mended, Own: d.journalWrote,
	})
	if errors.Is(err, journal.ErrSpace) {
		return fmt.Errorf("%w; make room, or name another place with --journal DIR, or --journal off", err)
	}
	var taken *journal.TakenError
	if errors.As(err, &taken) {
		own := "--instance NAME"
		if d.config.Journal.Dir != "" {
			own = "--journal DIR"
		}
		return fmt.Errorf("%w; a second door needs one of its own: %s", err, own)
	}
	return err
}

// journalTrouble is told what is wrong with the journal. Records that are lost end the door where on_full says so.
func (d *door) journalTrouble(err error, onFull journal.OnFull) {
	d.alerts.Trouble(err)
	if onFull != journal.OnFullStop || d.journal == nil || !d.journal.Stats().Losing {
		return
	}
	select {
	case d.doomed <- fmt.Errorf("%w; on_full says that lodoor ends then", err):
	default:
	}
}

// journalWrote gets what the journal wrote on its own account. While the door is being put together there is nobody yet
// to tell: it is kept for [door.tellStart].
func (d *door) journalWrote(id flow.Identity, r *flow.Record) {
	if d.log != nil {
		d.log.Publish(id, r, nil)
		return
	}
	// The sessions that were open at a crash are another run's: nothing that is shown of this one counts them.
	if r.Event != flow.EventSessionClose {
		d.own = append(d.own, journal.Entry{Identity: id, Record: *r})
	}
}

// tellStart tells what the journal wrote before there was a log.
func (d *door) tellStart() {
	for i := range d.own {
		d.log.Publish(d.own[i].Identity, &d.own[i].Record, nil)
	}
	d.own = nil
}
