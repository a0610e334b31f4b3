package main

import (
	"context"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/proxy/flow"
)

// blackBox is a sink that has the rings written when an alert fires: what led up to it is still in memory.
type blackBox struct {
	recorder *pcapng.Recorder
	say      *messages
}

func (*blackBox) Name() string            { return "recording rings" }
func (*blackBox) Wants(e flow.Event) bool { return e == flow.EventAlert }

// Consume writes each ring once for the alerts of a batch. That there is nothing to write, or no room, ends nothing.
func (b *blackBox) Consume(_ context.Context, batch flow.Batch) (int, error) {
	fired := ""
	for i := range batch.Entries {
		if a := batch.Entries[i].Record.Alert; a != nil && !a.Repeat && !a.Resolved {
			fired = a.Condition
		}
	}
	if fired == "" || !b.rings() {
		return len(batch.Entries), nil
	}
	files, err := b.recorder.Flush("", "alert")
	if err != nil {
		b.say.warn("write the rings after the alert " + fired + ": " + err.Error())
	}
	var lines []string
	for _, f := range files {
		lines = append(lines, f.Path)
	}
	if len(lines) > 0 {
		b.say.info("the last moments before the alert " + fired + " are in\n" + strings.Join(lines, "\n"))
	}
	return len(batch.Entries), nil
}

// rings says whether there are any.
func (b *blackBox) rings() bool {
	return slices.ContainsFunc(b.recorder.Active(), func(a pcapng.Active) bool { return a.Plan.Ring })
}
