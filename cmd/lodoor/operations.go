package main

import (
	"context"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/logsink/operations"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire"
)

// followed is how many operations wait for a command that follows them.
const followed = 4096

// buildOperations makes what reads the sessions' protocols, and what decides what becomes of what is read.
func (d *door) buildOperations() {
	d.operations = operations.New(operations.Config{
		Settings: d.config.Operations,
		Append:   func(r flow.Record, done func()) { d.log.Append(r, func(flow.Identity, error) { done() }) },
		Trouble:  func(err error) { d.say.warn(err.Error()) },
	})
	c := d.wireConfig()
	c.Emit = d.operations.Add
	d.decoders = &wantedDecoders{wire.New(c), d.operations}
}

// wireConfig is what decoders and redactors have in common.
func (d *door) wireConfig() wire.Config {
	return wire.Config{
		Protocol: d.protocolOf, Statements: d.config.Privacy.Statements,
		Note:    d.note,
		Trouble: func(_ string, err error) { d.say.warn(err.Error()) },
	}
}

// note says something once, though a recording and the decoders both may have found it out.
func (d *door) note(_, _, text string) {
	if _, again := d.noted.LoadOrStore(text, nil); !again {
		d.say.info(text)
	}
}

// wantedDecoders read the sessions of services of which somebody wants to know the operations.
type wantedDecoders struct {
	*wire.Decoders
	operations *operations.Log
}

func (w *wantedDecoders) Wants(service string) bool {
	return w.operations.Wanted(service) && w.Decoders.Wants(service)
}

// protocolOf is what a service speaks, for decoders: what nobody has said they find out.
func (d *door) protocolOf(service string) string {
	if known := d.protocols.Load(); known != nil {
		return (*known)[service]
	}
	return ""
}

// protocolsOf are what the services of a configuration speak.
func protocolsOf(c *configs.Config) *map[string]string {
	all := make(map[string]string, len(c.Services))
	for i := range c.Services {
		p := c.Services[i].Protocol
		if p == configs.ProtocolUnset {
			p = configs.ProtocolAuto
		}
		all[c.Services[i].Name] = p.String()
	}
	return &all
}

func (c *controlled) FollowOperations(ctx context.Context, service string, tell func(*flow.Record) error) error {
	records, _ := c.operations.Follow(ctx, service, followed)
	for r := range records {
		if err := tell(&r); err != nil {
			return err
		}
	}
	return nil
}
