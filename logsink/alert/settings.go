// Package alert turns records into messages for a person: conditions, grouping, delivery with retry.
//
// [Alerts] reads records and appends alerts to the same log, so that they are in the journal and on the console like
// everything else; [Webhook] reads those and posts them.
package alert

import (
	"errors"
	"fmt"
	"time"
)

// Settings are the alerts' part of the configuration.
type Settings struct {
	// WebhookFile is a file with the webhook's URL on its first line. A URL is a secret.
	WebhookFile string `mapstructure:"webhook_file"`
	// Webhook is the URL itself; only from the environment. It comes before WebhookFile.
	Webhook string `mapstructure:"webhook"`
	// Repeat is how long a group waits before it says that its count has grown; 1 minute. The next time it waits twice
	// as long, up to an hour.
	Repeat time.Duration `mapstructure:"repeat"`
	// Timeout of one delivery; 5 seconds.
	Timeout time.Duration `mapstructure:"timeout"`
}

const (
	defaultRepeat  = time.Minute
	defaultTimeout = 5 * time.Second
	minRepeat      = time.Second
)

// Validate says which keys have impossible values, one a line. It reads no file.
func (s Settings) Validate() error {
	var errs []error
	if s.Repeat != 0 && s.Repeat < minRepeat {
		errs = append(errs, fmt.Errorf("repeat: %v is too short: expected at least %v, or 0 for %v", s.Repeat, minRepeat,
			defaultRepeat))
	}
	if s.Timeout < 0 {
		errs = append(errs, fmt.Errorf("timeout: %v is negative: expected a duration, or 0 for %v", s.Timeout,
			defaultTimeout))
	}
	if s.Webhook != "" {
		if _, err := parseURL(s.Webhook); err != nil {
			errs = append(errs, fmt.Errorf("webhook: %w", err))
		}
	}
	return errors.Join(errs...)
}
