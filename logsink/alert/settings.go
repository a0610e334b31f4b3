// Package alert turns records into messages for a person: conditions and grouping.
//
// [Alerts] reads records and appends alerts to the same log, so that they are in the journal and on the console like
// everything else; package channel reads those and delivers them.
package alert

import (
	"errors"
	"fmt"
	"time"
)

// Settings are the alerts' part of the configuration.
type Settings struct {
	// Repeat is how long a group waits before it says that its count has grown; 1 minute. The next time it waits twice
	// as long, up to an hour.
	Repeat time.Duration `mapstructure:"repeat"`
}

const (
	defaultRepeat = time.Minute
	minRepeat     = time.Second
)

// Validate says which keys have impossible values, one a line. It reads no file.
func (s Settings) Validate() error {
	var errs []error
	if s.Repeat != 0 && s.Repeat < minRepeat {
		errs = append(errs, fmt.Errorf("repeat: %v is too short: expected at least %v, or 0 for %v", s.Repeat, minRepeat,
			defaultRepeat))
	}
	return errors.Join(errs...)
}
