//go:build !linux

package export

import (
	"context"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// Journald cannot be had here.
type Journald struct{}

// NewJournald says why.
func NewJournald(c JournaldConfig) (*Journald, error) {
	c.Settings.Enabled = true
	return nil, c.Settings.Validate()
}

// Name is "journald".
func (j *Journald) Name() string { return "journald" }

// Wants is for no record.
func (j *Journald) Wants(flow.Event) bool { return false }

// Deliver is never called.
func (j *Journald) Deliver(context.Context, []journal.Entry) (int, error) { return 0, nil }

// Close has nothing to do.
func (j *Journald) Close() error { return nil }
