// Package channel takes alerts to people: it posts them to a webhook.
package channel

import (
	"errors"
	"fmt"
	"time"
)

// Settings say where alerts go. They are a part of the configuration's table alerts.
type Settings struct {
	// WebhookFile is a file with the webhook's URL on its first line. A URL is a secret.
	WebhookFile string `mapstructure:"webhook_file"`
	// Webhook is the URL itself; only from the environment. It comes before WebhookFile.
	Webhook string `mapstructure:"webhook"`
	// Timeout of one delivery; 5 seconds.
	Timeout time.Duration `mapstructure:"timeout"`
}

const defaultTimeout = 5 * time.Second

// Validate says which keys have impossible values, one a line. It reads no file.
func (s Settings) Validate() error {
	var errs []error
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
