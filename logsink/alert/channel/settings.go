// Package channel takes alerts to people: it posts them to a webhook, hands them to a command, mails them, and writes
// them to chat services. Each of these is a [Delivery], which a feed of the journal drives, so that what was raised before
// a crash is delivered after it.
//
// It connects to nothing but what the configuration names, and what is secret in there, URLs among it, is in none of its
// messages.
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
	// WebhookSecretFile is a file with a secret on its first line that deliveries are signed with; empty is no signature.
	WebhookSecretFile string `mapstructure:"webhook_secret_file"`
	// Command is a program and its arguments; it is run for each alert. Empty is none.
	Command []string `mapstructure:"command"`
	// Mail says by which server, and to whom.
	Mail Mail `mapstructure:"mail"`
	// ChatFile is a file with the URLs of chat services as shoutrrr writes them, one a line.
	ChatFile string `mapstructure:"chat_file"`
	// Timeout of one attempt; 5 seconds. A mail may take six times as long.
	Timeout time.Duration `mapstructure:"timeout"`
	// GiveUp is how old an alert may become before no other attempt is made; 24 hours.
	GiveUp time.Duration `mapstructure:"give_up"`
}

const (
	defaultTimeout = 5 * time.Second
	defaultGiveUp  = 24 * time.Hour
)

// Validate says which keys have impossible values, one a line. It reads no file.
func (s Settings) Validate() error {
	var errs []error
	if s.Timeout < 0 {
		errs = append(errs, fmt.Errorf("timeout: %v is negative: expected a duration, or 0 for %v", s.Timeout,
			defaultTimeout))
	}
	if s.GiveUp < 0 {
		errs = append(errs, fmt.Errorf("give_up: %v is negative: expected a duration, or 0 for %v", s.GiveUp, defaultGiveUp))
	}
	if s.Webhook != "" {
		if _, err := parseURL(s.Webhook); err != nil {
			errs = append(errs, fmt.Errorf("webhook: %w", err))
		}
	}
	if s.WebhookSecretFile != "" && s.Webhook == "" && s.WebhookFile == "" {
		errs = append(errs, errors.New("webhook_secret_file: there is no webhook to sign for: expected webhook_file as well"))
	}
	if len(s.Command) > 0 && s.Command[0] == "" {
		errs = append(errs, errors.New("command: the program is empty: expected [PROGRAM, ARGUMENT, …]"))
	}
	return errors.Join(errs...)
}

func (s Settings) timeout() time.Duration {
	if s.Timeout == 0 {
		return defaultTimeout
	}
	return s.Timeout
}

func (s Settings) giveUp() time.Duration {
	if s.GiveUp == 0 {
		return defaultGiveUp
	}
	return s.GiveUp
}
