// Package journal is the append-only, hash-chained log that everything else is fed from.
//
// A journal is a directory of segments, files of one JSON line a record; docs/record-format.md specifies the line.
// One process writes it at a time; any number read it while it is written.
package journal

import (
	"errors"
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

// Settings are the journal's part of the configuration. Zero values are the defaults named here, but for Compress.
type Settings struct {
	// Dir is the journal's directory; empty is the default place, "off" is no journal.
	Dir        string        `mapstructure:"dir"`
	Durability Durability    `mapstructure:"durability"`
	MaxSize    flow.Size     `mapstructure:"max_size"`    // of all segments; 512 MiB
	MaxAge     time.Duration `mapstructure:"max_age"`     // 30 days
	KeepFree   flow.Size     `mapstructure:"keep_free"`   // on the file system; 1 GiB, at most a tenth of it
	RotateSize flow.Size     `mapstructure:"rotate_size"` // of a segment; 32 MiB, at most a quarter of MaxSize
	RotateAge  time.Duration `mapstructure:"rotate_age"`  // of a segment that has records; 24 hours
	OnFull     OnFull        `mapstructure:"on_full"`
	// RefusalsShare is how many percent of RotateSize records of refused connections may take in a segment, before
	// they are told together, once a minute; 25. With 100 each is told.
	RefusalsShare int `mapstructure:"refusals_share"`
	// Compress says whether finished segments are compressed once they are an hour old and every feed has passed them.
	// The configuration's default is true.
	Compress bool `mapstructure:"compress"`
}

// The defaults.
const (
	DefaultMaxSize       = 512 * flow.MiB
	DefaultMaxAge        = 30 * 24 * time.Hour
	DefaultRotateSize    = 32 * flow.MiB
	DefaultRotateAge     = 24 * time.Hour
	DefaultRefusalsShare = 25 // percent

	defaultKeepFree  = flow.GiB
	smallestRotate   = 4 * flow.KiB
	minRotateAge     = time.Second
	allRefusalsShare = 100
)

// Validate says which keys have impossible values, one a line. It looks at no directory.
func (s Settings) Validate() error {
	var errs []error
	for _, size := range []struct {
		key  string
		size flow.Size
	}{{"max_size", s.MaxSize}, {"keep_free", s.KeepFree}, {"rotate_size", s.RotateSize}} {
		if size.size < 0 {
			errs = append(errs, fmt.Errorf("%s: %s is negative: expected a size, as in 512MiB, or 0 for the default",
				size.key, size.size))
		}
	}
	if s.MaxAge < 0 {
		errs = append(errs, fmt.Errorf("max_age: %v is negative: expected a duration, as in 30d, or 0 for the default",
			s.MaxAge))
	}
	if s.RotateAge != 0 && s.RotateAge < minRotateAge {
		errs = append(errs, fmt.Errorf("rotate_age: %v is too short: expected at least %v, or 0 for %v", s.RotateAge,
			minRotateAge, DefaultRotateAge))
	}
	if s.OnFull == OnFullRefuse && s.Durability == DurabilityNone {
		errs = append(errs, fmt.Errorf("on_full: refuse does not go with durability none, which waits for no record: "+
			"expected durability %s or %s, or on_full %s or %s", DurabilityProcess, DurabilityDisk, OnFullDrop, OnFullStop))
	}
	if s.RefusalsShare < 0 || s.RefusalsShare > allRefusalsShare {
		errs = append(errs, fmt.Errorf("refusals_share: %d is no share: expected percent from 1 to 100, or 0 for %d",
			s.RefusalsShare, DefaultRefusalsShare))
	}
	return errors.Join(errs...)
}

// withDefaults fills in what was not set. total is the size of the file system, 0 when it is not known.
func (s Settings) withDefaults(total uint64) Settings {
	if s.MaxSize <= 0 {
		s.MaxSize = DefaultMaxSize
	}
	if s.MaxAge <= 0 {
		s.MaxAge = DefaultMaxAge
	}
	if s.RotateSize <= 0 {
		s.RotateSize = DefaultRotateSize
	}
	s.RotateSize = min(s.RotateSize, max(s.MaxSize/4, smallestRotate))
	if s.RotateAge <= 0 {
		s.RotateAge = DefaultRotateAge
	}
	if s.RefusalsShare <= 0 {
		s.RefusalsShare = DefaultRefusalsShare
	}
	if s.KeepFree <= 0 {
		s.KeepFree = defaultKeepFree
		if total > 0 {
			s.KeepFree = min(s.KeepFree, flow.Size(total/10))
		}
	}
	return s
}
