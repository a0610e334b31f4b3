package pcapng

import (
	"errors"
	"fmt"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Settings are the recordings' part of the configuration.
type Settings struct {
	// Dir is where the recordings go; empty is no recording.
	Dir string `mapstructure:"dir"`
	// MaxTotal is how much all recordings in Dir may take, those of earlier runs included; 0 is 2 GiB.
	MaxTotal flow.Size `mapstructure:"max_total"`
}

const (
	defaultMaxTotal = 2 * flow.GiB
	// minMaxTotal is the least that is worth a recording: one session's handshake and end, and some payload.
	minMaxTotal = flow.MiB
)

// Validate says which keys have impossible values.
func (s Settings) Validate() error {
	if s.MaxTotal != 0 && s.MaxTotal < minMaxTotal {
		return fmt.Errorf("max_total: %s is too little to record anything: expected at least %s, or 0 for %s",
			s.MaxTotal, minMaxTotal, defaultMaxTotal)
	}
	return nil
}

// Warning is what a person has to know before the first byte is recorded, a clause without a final stop; empty when
// nothing is recorded.
func (s Settings) Warning() string {
	if s.Dir == "" {
		return ""
	}
	return fmt.Sprintf("everything that is sent, passwords and rows included, goes to %s (at most %s)",
		s.Dir, s.maxTotal().Human())
}

func (s Settings) maxTotal() flow.Size {
	if s.MaxTotal == 0 {
		return defaultMaxTotal
	}
	return s.MaxTotal
}

var errNoDir = errors.New("dir: expected a directory for the recordings")
