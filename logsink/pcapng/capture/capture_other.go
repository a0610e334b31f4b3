//go:build !linux

package capture

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// Capture cannot be had on this system.
type Capture struct{}

// New says so, with [errors.ErrUnsupported].
func New(Config) (*Capture, error) {
	return nil, fmt.Errorf("capture packets: source: wire needs Linux: expected source: relay (%w)", errors.ErrUnsupported)
}

// Watch does nothing: there is no Capture.
func (*Capture) Watch([]netip.AddrPort) error { return errors.ErrUnsupported }

// Run does nothing: there is no Capture.
func (*Capture) Run(context.Context, func(Packet)) error { return errors.ErrUnsupported }

// Stats does nothing: there is no Capture.
func (*Capture) Stats() (Stats, error) { return Stats{}, errors.ErrUnsupported }

// Close does nothing: there is no Capture.
func (*Capture) Close() error { return errors.ErrUnsupported }
