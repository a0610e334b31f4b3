// Package alert turns records into messages for a person: conditions, grouping, delivery with retry.
package alert

import "time"

// Settings are the alerts' part of the configuration.
type Settings struct {
	// WebhookFile is a file with the webhook's URL on its first line. A URL is a secret.
	WebhookFile string `mapstructure:"webhook_file"`
	// Webhook is the URL itself; only from the environment.
	Webhook string `mapstructure:"webhook"`
	// Repeat is how long a group waits before it says that its count has grown; 1 minute.
	Repeat time.Duration `mapstructure:"repeat"`
	// Timeout of one delivery; 5 seconds.
	Timeout time.Duration `mapstructure:"timeout"`
}
