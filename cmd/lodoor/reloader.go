package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/logsink/alert/channel"
	"github.com/lodoor/lodoor/proxy/flow"
)

// reloader puts a changed configuration to work. Its methods are called on one goroutine.
type reloader struct {
	door     *door
	load     func() (*configs.Loaded, error)
	started  *configs.Loaded // what the door was opened with
	watching chan error      // the end of the watch; nil when nothing is watched
}

// watch tells of changes of the configuration's file, when the configuration asks for it.
func (r *reloader) watch(ctx context.Context) (<-chan struct{}, error) {
	if !r.door.config.Watch {
		return nil, nil
	}
	if r.started.File == "" {
		return nil, errors.New("watch: there is no configuration file to watch; reload with SIGHUP")
	}
	changed := make(chan struct{}, 1)
	r.watching = make(chan error, 1)
	go func() {
		r.watching <- r.started.Watch(ctx, func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		})
	}()
	return changed, nil
}

// ended waits for the watch, which ends with its context.
func (r *reloader) ended() error {
	if r.watching == nil {
		return nil
	}
	return <-r.watching
}

// reload reads the configuration and swaps it in as a whole; one that is broken changes nothing and is alerted.
func (r *reloader) reload() (source string, err error) {
	loaded, err := r.load()
	if err == nil {
		err = r.apply(loaded)
	}
	if err != nil {
		r.door.say.warn("the configuration was not reloaded and nothing has changed:\n" + err.Error())
		r.record(flow.EventConfigRejected, &flow.Config{Source: sourceOf(r.started), Error: err.Error()})
		return "", err
	}
	r.door.say.info("the configuration was reloaded from " + sourceOf(loaded))
	r.record(flow.EventConfigLoaded, r.door.configLoaded())
	return sourceOf(loaded), nil
}

// sourceOf is where a configuration came from, as records and messages name it.
func sourceOf(loaded *configs.Loaded) string {
	if loaded.File == "" {
		return "flags"
	}
	return loaded.File
}

// configLoaded is what the journal says of the configuration in force.
func (d *door) configLoaded() *flow.Config {
	d.inForce.Lock()
	defer d.inForce.Unlock()
	c := &flow.Config{Hash: d.hash, Source: d.source}
	for i := range d.config.Services {
		c.Services = append(c.Services, d.config.Services[i].Name)
	}
	return c
}

func (r *reloader) record(e flow.Event, c *flow.Config) {
	r.door.log.Append(flow.Record{Time: time.Now(), Event: e, Config: c}, nil)
}

func (r *reloader) apply(loaded *configs.Loaded) error {
	c := &loaded.Config
	services, err := r.door.services(c)
	if err != nil {
		return err
	}
	if _, err := channel.Check(c.Alerts.Channels); err != nil { // before anything is changed
		return fmt.Errorf("alerts: %w", err)
	}
	if err := r.door.rerecord(c); err != nil {
		return err
	}
	if err := r.door.server.Reload(services, loaded.RuleSet); err != nil {
		return errors.Join(explainBind(err), r.door.rerecord(r.door.config))
	}
	if err := r.door.rewire(c); err != nil {
		r.door.say.warn(err.Error())
	}
	fixed, warnings, err := r.door.realert(&c.Alerts)
	if err != nil {
		return err
	}
	for _, w := range append(loaded.Warnings, warnings...) {
		r.door.say.warn(w)
	}
	if fixed = append(needRestart(r.door.config, c), fixed...); len(fixed) > 0 {
		r.door.say.warn("these changes need a restart: " + strings.Join(fixed, ", "))
	}
	r.door.settle(keepFixed(r.door.config, c), loaded)
	return nil
}

// needRestart names the settings that differ and are only read at the start.
func needRestart(old, fresh *configs.Config) []string {
	var names []string
	for _, s := range []struct {
		name string
		same bool
	}{
		{"instance", old.Instance == fresh.Instance},
		{"log", old.Log == fresh.Log},
		{"journal", old.Journal == fresh.Journal},
		{"record.source", old.Record.Source == fresh.Record.Source},
		{"shutdown", old.Shutdown == fresh.Shutdown},
		{"watch", old.Watch == fresh.Watch},
		{"privacy", old.Privacy == fresh.Privacy},
		{"forwarders", reflect.DeepEqual(old.Forwarders, fresh.Forwarders)},
		{"history", old.History == fresh.History},
		{"export", reflect.DeepEqual(old.Export, fresh.Export)},
	} {
		if !s.same {
			names = append(names, s.name)
		}
	}
	return names
}

// keepFixed is the configuration at work: fresh, but for what needs a restart.
func keepFixed(old, fresh *configs.Config) *configs.Config {
	c := *fresh
	c.Instance, c.Log, c.Journal = old.Instance, old.Log, old.Journal
	c.Record.Source, c.Shutdown, c.Watch = old.Record.Source, old.Shutdown, old.Watch
	c.Privacy, c.Forwarders = old.Privacy, old.Forwarders
	c.History, c.Export = old.History, old.Export
	return &c
}
