package main

import (
	"fmt"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/logsink"
	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/logsink/alert/channel"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// buildAlerts makes what raises alerts, and what delivers them. dir is the journal's, which may be none.
func (d *door) buildAlerts(dir string) (err error) {
	settings := d.config.Alerts
	d.alerts, err = alert.New(alert.Config{
		Settings: settings.Engine, Append: func(r flow.Record) { d.log.Append(r, nil) }, Dir: dir,
		Lags: func() []journal.FeedStats { return d.feeds.stats() }, Ended: d.endedSinks,
		Warn: func(err error) { d.say.warn(err.Error()) },
	})
	if err != nil {
		return configError(err)
	}
	var warnings []string
	d.channels, warnings, err = channel.New(channel.Config{
		Settings: settings.Channels, Host: d.host, Version: version(), Warn: func(err error) { d.say.warn(err.Error()) },
	})
	if err != nil {
		return configError(fmt.Errorf("alerts: %w", err))
	}
	for _, w := range warnings {
		d.say.warn("alerts." + w)
	}
	return nil
}

// direct are the deliveries of alerts where there is no journal to feed them from.
func (d *door) direct() []logsink.Sink {
	if d.journal != nil {
		return nil
	}
	sinks := make([]logsink.Sink, len(d.channels))
	for i, c := range d.channels {
		sinks[i] = channel.Direct(c)
	}
	return sinks
}

// endedSinks names the sinks that have failed.
func (d *door) endedSinks() []string {
	var names []string
	for _, s := range d.log.Stats() {
		if s.Ended {
			names = append(names, s.Name)
		}
	}
	return names
}

// realert puts changed settings of alerts to work. restart names what is only read at the start.
func (d *door) realert(c *configs.Alerts) (restart, warnings []string, err error) {
	if err := d.alerts.Reload(c.Engine); err != nil {
		return nil, nil, fmt.Errorf("alerts: %w", err)
	}
	fresh, warnings, err := channel.Reload(d.channels, c.Channels)
	if err != nil {
		return nil, nil, fmt.Errorf("alerts: %w", err)
	}
	for i := range warnings {
		warnings[i] = "alerts." + warnings[i]
	}
	for _, name := range fresh {
		restart = append(restart, "alerts: "+name)
	}
	return restart, warnings, nil
}
