// Package pcapng records sessions in files that Wireshark opens.
package pcapng

import "github.com/lodoor/lodoor/proxy/flow"

// Settings are the recordings' part of the configuration.
type Settings struct {
	// Dir is where the recordings go; empty is no recording.
	Dir string `mapstructure:"dir"`
	// MaxTotal is how much all recordings in Dir may take; 2 GiB.
	MaxTotal flow.Size `mapstructure:"max_total"`
}
