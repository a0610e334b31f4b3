package lane

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is which lane is wanted.
type Kind uint8

// The kinds.
const (
	KindAuto Kind = iota // the best that the system has
	KindLoop             // Linux: a few event loops
	KindCopy             // two goroutines a session
)

func kindNames() []string { return []string{"auto", "loop", "copy"} }

func (k Kind) String() string {
	if names := kindNames(); int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("invalid(%d)", uint8(k))
}

// MarshalText writes the kind's name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a kind's name; the error lists the names.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kindNames(), string(text))
	if i < 0 {
		return fmt.Errorf("unknown lane %q: expected one of %s", text, strings.Join(kindNames(), ", "))
	}
	*k = Kind(i)
	return nil
}

// Settings are the lane's part of the configuration.
type Settings struct {
	Kind Kind `mapstructure:"kind"`
	// Loops is how many event loops there are; 0 is one for each CPU, at most 4.
	Loops int `mapstructure:"loops"`
	// BusyPoll is how long a loop without work goes on asking before it sleeps.
	BusyPoll time.Duration `mapstructure:"busy_poll"`
}

// Bounds of what is sensible: more loops than the largest machines have CPUs, and a poll that is a loop's only work.
const (
	loopsLimit  = 1024
	maxBusyPoll = time.Second
)

// Validate returns an error for each setting that cannot be obeyed; each starts with the key.
func (s Settings) Validate() error {
	var errs []error
	if s.Loops < 0 || s.Loops > loopsLimit {
		errs = append(errs, fmt.Errorf("loops: %d: expected a number of event loops up to %d, or 0 for one for each CPU",
			s.Loops, loopsLimit))
	}
	if s.BusyPoll < 0 || s.BusyPoll > maxBusyPoll {
		errs = append(errs, fmt.Errorf("busy_poll: %v: expected a time up to %v, such as 50us, or 0 for none",
			s.BusyPoll, maxBusyPoll))
	}
	if s.Kind == KindCopy && (s.Loops != 0 || s.BusyPoll != 0) {
		errs = append(errs, errors.New("kind: copy has no event loops; take loops and busy_poll away, or choose loop"))
	}
	return errors.Join(errs...)
}
