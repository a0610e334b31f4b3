package operations

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Settings say which operations are recorded.
type Settings struct {
	// Record chooses them.
	Record Choice `mapstructure:"record"`
	// SlowerThan is how long an operation takes to be a slow one, from its question's first byte; 0 is 100 ms.
	SlowerThan time.Duration `mapstructure:"slower_than"`
	// Sample is of how many operations one is recorded when Record is sample; 0 is 100.
	Sample int `mapstructure:"sample"`
}

const (
	defaultSlowerThan = 100 * time.Millisecond
	defaultSample     = 100
	maxSample         = 1_000_000_000
)

// Choice is which operations are recorded. Those that failed are among slow ones and samples.
type Choice uint8

// The choices.
const (
	Off Choice = iota
	Slow
	Sample
	All
)

func choices() []string { return []string{"off", "slow", "sample", "all"} }

func (c Choice) String() string {
	if int(c) < len(choices()) {
		return choices()[c]
	}
	return fmt.Sprintf("invalid(%d)", uint8(c))
}

// MarshalText writes the word.
func (c Choice) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the word.
func (c *Choice) UnmarshalText(text []byte) error {
	i := slices.Index(choices(), string(text))
	if i < 0 {
		return fmt.Errorf("unknown choice of operations %q: expected one of %s", text, strings.Join(choices(), ", "))
	}
	*c = Choice(i)
	return nil
}

// Validate says which keys have impossible values, one a line.
func (s Settings) Validate() error {
	var problems []error
	if int(s.Record) >= len(choices()) {
		problems = append(problems, fmt.Errorf("record: found %s, expected one of %s", s.Record, strings.Join(choices(), ", ")))
	}
	if s.SlowerThan < 0 {
		problems = append(problems, fmt.Errorf("slower_than: found %s, expected a time such as 100ms, or 0 for 100ms", s.SlowerThan))
	}
	if s.Sample < 0 || s.Sample > maxSample {
		problems = append(problems,
			fmt.Errorf("sample: found %d, expected of how many operations one is recorded, 1 to %d, or 0 for 100", s.Sample, maxSample))
	}
	return errors.Join(problems...)
}

// withDefaults has every value.
func (s Settings) withDefaults() Settings {
	if s.SlowerThan == 0 {
		s.SlowerThan = defaultSlowerThan
	}
	if s.Sample == 0 {
		s.Sample = defaultSample
	}
	return s
}
