// Package journal is the append-only, hash-chained log that everything else is fed from.
//
// A journal is a directory of segments, files of one JSON line a record; docs/record-format.md specifies the line.
// One process writes it at a time; any number read it while it is written.
package journal

import (
	"fmt"
	"slices"
	"strings"
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

func durabilityNames() []string { return []string{"process", "disk", "none"} }

func (d Durability) String() string {
	if names := durabilityNames(); int(d) < len(names) {
		return names[d]
	}
	return fmt.Sprintf("invalid(%d)", uint8(d))
}

// MarshalText writes the durability's name.
func (d Durability) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a durability's name; the error lists the names.
func (d *Durability) UnmarshalText(text []byte) error {
	i := slices.Index(durabilityNames(), string(text))
	if i < 0 {
		return fmt.Errorf("unknown durability %q: expected one of %s", text, strings.Join(durabilityNames(), ", "))
	}
	*d = Durability(i)
	return nil
}

// Settings are the journal's part of the configuration. Zero values are the defaults named here.
type Settings struct {
	// Dir is the journal's directory; empty is the default place, "off" is no journal.
	Dir        string        `mapstructure:"dir"`
	Durability Durability    `mapstructure:"durability"`
	MaxSize    flow.Size     `mapstructure:"max_size"`    // of all segments; 512 MiB
	MaxAge     time.Duration `mapstructure:"max_age"`     // 30 days
	KeepFree   flow.Size     `mapstructure:"keep_free"`   // on the file system; 1 GiB, at most a tenth of it
	RotateSize flow.Size     `mapstructure:"rotate_size"` // of a segment; 32 MiB, at most a quarter of MaxSize
}

const (
	defaultMaxSize    = 512 * flow.MiB
	defaultMaxAge     = 30 * 24 * time.Hour
	defaultKeepFree   = flow.GiB
	defaultRotateSize = 32 * flow.MiB
	smallestRotate    = 4 * flow.KiB
)

// withDefaults fills in what was not set. total is the size of the file system, 0 when it is not known.
func (s Settings) withDefaults(total uint64) Settings {
	if s.MaxSize <= 0 {
		s.MaxSize = defaultMaxSize
	}
	if s.MaxAge <= 0 {
		s.MaxAge = defaultMaxAge
	}
	if s.RotateSize <= 0 {
		s.RotateSize = defaultRotateSize
	}
	s.RotateSize = min(s.RotateSize, max(s.MaxSize/4, smallestRotate))
	if s.KeepFree <= 0 {
		s.KeepFree = defaultKeepFree
		if total > 0 {
			s.KeepFree = min(s.KeepFree, flow.Size(total/10))
		}
	}
	return s
}
