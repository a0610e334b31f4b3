// Package journal is the append-only, hash-chained log that everything else is fed from.
package journal

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Durability is what Append promises when it calls back.
type Durability uint8

// The durabilities.
const (
	DurabilityProcess Durability = iota // written to the kernel: survives the death of lodoor
	DurabilityDisk                      // fdatasync: survives the death of the machine
	DurabilityNone                      // nothing
)

// Settings are the journal's part of the configuration.
type Settings struct {
	// Dir is the journal's directory; empty is the default place, "off" is no journal.
	Dir        string        `mapstructure:"dir"`
	Durability Durability    `mapstructure:"durability"`
	MaxSize    flow.Size     `mapstructure:"max_size"`    // of all segments; 512 MiB
	MaxAge     time.Duration `mapstructure:"max_age"`     // 30 days
	KeepFree   flow.Size     `mapstructure:"keep_free"`   // on the file system; 1 GiB
	RotateSize flow.Size     `mapstructure:"rotate_size"` // of a segment; 32 MiB
}
