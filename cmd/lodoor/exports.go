package main

import (
	"fmt"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/logsink/export"
	"github.com/lodoor/lodoor/logsink/journal"
)

// warnOfExports tells what a person who configured exports should know, and fails when a file of theirs cannot be read.
func (d *door) warnOfExports() error {
	warnings, err := exportWarnings(&d.config.Export, d.journal != nil)
	if err != nil {
		return configError(err)
	}
	for _, w := range warnings {
		d.say.warn(w)
	}
	return nil
}

// exportWarnings are each about a key. Without a journal only metrics are exported.
func exportWarnings(to *configs.Export, journal bool) (all []string, err error) {
	for _, e := range []struct {
		key      string
		on       bool
		warnings func() ([]string, error)
	}{
		{"otlp", to.OTLP.Endpoint != "" && (to.OTLP.Metrics || to.OTLP.Logs && journal), to.OTLP.Warnings},
		{"syslog", journal, func() ([]string, error) { return to.Syslog.Warnings(), nil }},
		{"nats", journal, to.NATS.Warnings},
	} {
		if !e.on {
			continue
		}
		warnings, err := e.warnings()
		if err != nil {
			return nil, fmt.Errorf("export.%s.%w", e.key, err)
		}
		for _, w := range warnings {
			all = append(all, "export."+e.key+"."+w)
		}
	}
	return all, nil
}

// buildExports makes what takes records to where a fleet of machines keeps them, for as long as there is a journal.
func (d *door) buildExports() error {
	to := &d.config.Export
	from := d.from()
	warn := func(err error) { d.say.warn(err.Error()) }
	for _, e := range []struct {
		key  string
		on   bool
		make func() (journal.Destination, error)
	}{
		{"otlp", to.OTLP.Endpoint != "" && to.OTLP.Logs, func() (journal.Destination, error) {
			return export.NewOTLPLogs(export.OTLPConfig{Settings: to.OTLP, From: from, Warn: warn})
		}},
		{"syslog", to.Syslog.Address != "", func() (journal.Destination, error) {
			return export.NewSyslog(export.SyslogConfig{Settings: to.Syslog, From: from, Warn: warn})
		}},
		{"journald", to.Journald.Enabled, func() (journal.Destination, error) {
			return export.NewJournald(export.JournaldConfig{Settings: to.Journald, From: from})
		}},
		{"nats", len(to.NATS.Servers) > 0, func() (journal.Destination, error) {
			return export.NewNATS(export.NATSConfig{Settings: to.NATS, From: from, Warn: warn})
		}},
	} {
		if !e.on {
			continue
		}
		destination, err := e.make()
		if err != nil {
			return configError(fmt.Errorf("export.%s: %w", e.key, err))
		}
		// A stream that says itself what it has gets the journal from its beginning; what cannot is not flooded with it.
		_, resumes := destination.(journal.Resumer)
		if err := d.feed(journal.FeedConfig{Destination: destination, FromNow: !resumes}); err != nil {
			return err
		}
	}
	return nil
}

// from is what every export says of where it comes from.
func (d *door) from() export.From { return export.From{Host: d.host, Version: version()} }

// buildMetrics makes what exports counts. It works without a journal, too.
func (d *door) buildMetrics() (err error) {
	settings := d.config.Export.OTLP
	if settings.Endpoint == "" || !settings.Metrics {
		return nil
	}
	d.metrics, err = export.NewMetrics(export.MetricsConfig{
		Settings: settings, From: d.from(), Read: d.snapshot,
		Warn: func(err error) {
			if err != nil {
				d.say.warn(err.Error())
			} else {
				d.say.info("metrics: exports succeed again")
			}
		},
	})
	if err != nil {
		return configError(fmt.Errorf("export.otlp: %w", err))
	}
	return nil
}

// snapshot is what is counted now.
func (d *door) snapshot() export.Snapshot {
	var s export.Snapshot
	for _, n := range d.server.Counts() {
		s.Services = append(s.Services, export.ServiceCounts{
			Name: n.Service, Open: n.Open, Opened: n.Opened, Refused: n.Refused,
			FromClient: n.FromClient, FromBackend: n.FromBackend,
		})
	}
	asked := d.operations.Stats()
	s.Operations = export.OperationCounts{Read: asked.Seen, Recorded: asked.Recorded, Dropped: asked.Dropped}
	if d.journal != nil {
		stats := d.journal.Stats()
		s.Written, s.Dropped, s.Feeds = stats.Written, stats.Dropped, d.feeds.stats()
	}
	return s
}
