package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/policy"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire"
	"github.com/lodoor/lodoor/rules"
)

// buildRecorder makes the recorder. It is there also when the configuration records nothing: a person may ask for it.
func (d *door) buildRecorder() error {
	settings, standing, err := recordings(d.config)
	if err != nil {
		return configError(err)
	}
	redactors := wire.NewRedactors(d.wireConfig())
	d.recorder, err = pcapng.New(pcapng.Config{
		Settings: settings, Standing: standing, Version: version(),
		Trouble: func(err error) { d.say.warn(err.Error()) },
		Ended:   func(e pcapng.Ended) { d.say.info(endedWords(&e)) },
		Redactor: func(service string, what flow.Redaction) pcapng.Redactor {
			if r := redactors.For(service, what); r != nil {
				return r
			}
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("record to %s: %w", settings.Dir, err)
	}
	return d.recoverRecordings()
}

// rerecord has recorded what a configuration wants.
func (d *door) rerecord(c *configs.Config) error {
	settings, standing, err := recordings(c)
	if err != nil {
		return configError(err)
	}
	if d.wire == nil { // a capture is opened at the start, before privileges may be gone
		settings.Source = pcapng.SourceRelay
	}
	return d.recorder.Configure(settings, standing)
}

// recoverRecordings finishes what a crash has left.
func (d *door) recoverRecordings() error {
	if d.config.Record.Dir == "" {
		return nil
	}
	found, err := d.recorder.Recover()
	if err != nil {
		return fmt.Errorf("finish the recordings in %s that were left unfinished: %w", d.config.Record.Dir, err)
	}
	for i := range found {
		d.say.info(recoveredWords(&found[i]))
	}
	return nil
}

func recoveredWords(r *store.Recovered) string {
	switch {
	case r.Path == "":
		return "an unfinished recording with nothing in it was removed"
	case r.Cut > 0:
		return fmt.Sprintf("the recording %s was left unfinished; it ends with its last whole packet, and %s behind that were cut off",
			r.Path, flow.Size(r.Cut).Human())
	default:
		return "the recording " + r.Path + " was left unfinished; it is finished now"
	}
}

// endedWords say that a recording is over, and what came of it.
func endedWords(e *pcapng.Ended) string {
	said := fmt.Sprintf("the recording of %s is over: %s", e.Service, plural(e.Sessions(), "session"))
	for _, file := range e.Files {
		said += "\n" + file
	}
	return said
}

// recordings are what a configuration wants recorded. Without a directory nothing is, and what a person asks for goes
// beside the journals.
func recordings(c *configs.Config) (pcapng.Settings, []policy.Standing, error) {
	settings := c.Record
	if settings.Dir == "" {
		settings.Dir, settings.Source = recordingsDir(instanceOf(c)), pcapng.SourceRelay
		return settings, nil, nil
	}
	when, err := compileWhen(settings.When, c)
	if err != nil {
		return settings, nil, fmt.Errorf("record.when: %w", err)
	}
	var standing []policy.Standing
	for i := range c.Services {
		s := &c.Services[i]
		if !c.RecordOn(s) {
			continue
		}
		one := policy.Standing{Service: s.Name, Plan: settings.Plan()}
		if when != nil {
			one.When, one.NeedsProcess = when.Holds, when.NeedsProcess()
		}
		standing = append(standing, one)
	}
	return settings, standing, nil
}

// compileWhen compiles the condition of a recording; nil when there is none.
func compileWhen(text string, c *configs.Config) (*rules.Condition, error) {
	if text == "" {
		return nil, nil
	}
	names := make([]string, 0, len(c.Services))
	for i := range c.Services {
		names = append(names, c.Services[i].Name)
	}
	return rules.CompileCondition(text, names)
}

// recordingsDir is where the recordings of an instance go that nobody gave a place: beside the journals. Empty when this
// user has no place for what is to stay.
func recordingsDir(instance string) string {
	dir, err := journal.DefaultDir(instance)
	if err != nil {
		return ""
	}
	return recordingsBeside(dir)
}

// recordingsBeside is the place for the recordings of the door that writes the journal in dir.
func recordingsBeside(dir string) string {
	return filepath.Join(filepath.Dir(filepath.Dir(dir)), "recordings", filepath.Base(dir))
}

func (c *controlled) Recordings() []control.Recording {
	all := []control.Recording{}
	for _, a := range c.recorder.Active() {
		all = append(all, recordingOf(&a))
	}
	return all
}

func recordingOf(a *pcapng.Active) control.Recording {
	r := control.Recording{
		Service: a.Service, Configured: a.Recording == nil, Ring: a.Plan.Ring, Dir: a.Dir, Redacts: "what is recorded: everything that is sent" + pcapng.Redacts(a.Plan.Redact),
	}
	if t := a.Recording; t != nil {
		r.By, r.When, r.Until = t.By, t.Condition, t.Until
	}
	return r
}

func (c *controlled) StartRecording(r control.RecordingRequest) (control.Recording, error) {
	config, _, _ := c.configured()
	if !serves(config, r.Service) {
		return control.Recording{}, fmt.Errorf("there is no service %q at this door", r.Service)
	}
	when, err := compileWhen(r.When, config)
	if err != nil {
		return control.Recording{}, fmt.Errorf("when: %w", err)
	}
	plan := config.Record.Plan()
	plan.Ring = false
	q := policy.Request{Service: r.Service, By: r.By, Condition: r.When, Plan: plan}
	if when != nil {
		q.When, q.NeedsProcess = when.Holds, when.NeedsProcess()
	}
	if r.For > 0 {
		q.Until = time.Now().Add(r.For)
	}
	begun, err := c.recorder.Start(q)
	if err != nil {
		return control.Recording{}, err
	}
	c.say.info(fmt.Sprintf("%s has sessions of %s recorded", r.By, r.Service))
	return recordingOf(&pcapng.Active{Service: r.Service, Recording: begun, Plan: plan, Dir: c.recordingsIn(config)}), nil
}

// recordingsIn is where recordings go.
func (c *controlled) recordingsIn(config *configs.Config) string {
	settings, _, _ := recordings(config)
	return settings.Dir
}

func serves(c *configs.Config, service string) bool {
	for i := range c.Services {
		if c.Services[i].Name == service {
			return true
		}
	}
	return false
}

func (c *controlled) StopRecording(service string) (control.Recording, error) {
	ended, err := c.recorder.Stop(service)
	if err != nil {
		return control.Recording{}, err
	}
	config, _, _ := c.configured()
	r := control.Recording{Service: service, Dir: c.recordingsIn(config)}
	for i := range ended {
		c.say.info(endedWords(&ended[i]))
		r.Sessions += ended[i].Sessions()
		r.Files = append(r.Files, ended[i].Files...)
	}
	return r, nil
}

func (c *controlled) FlushRecording(service, reason string) ([]control.Flushed, error) {
	written, err := c.recorder.Flush(service, reason)
	files := make([]control.Flushed, 0, len(written))
	for _, f := range written {
		files = append(files, control.Flushed{
			Service: f.Service, File: f.Path, Packets: f.Packets, Sessions: f.Sessions, Reaches: f.Reaches,
		})
	}
	return files, err
}

func (c *controlled) FollowRecording(ctx context.Context, service string, w io.Writer) error {
	if config, _, _ := c.configured(); !serves(config, service) {
		return fmt.Errorf("there is no service %q at this door", service)
	}
	return c.recorder.Follow(ctx, service, w)
}
