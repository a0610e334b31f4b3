package pcapng

import (
	"fmt"
	"slices"
	"strings"
)

// Source is where packets come from.
type Source uint8

// The sources.
const (
	SourceRelay Source = iota // rebuilt from the relay's reads and writes
	SourceWire                // the network's own, which needs CAP_NET_RAW
)

// Legs are the connections that are shown of a session.
type Legs uint8

// The legs.
const (
	LegsBoth  Legs = iota // the client's and the backend's
	LegsFront             // the client's
)

// OnSlow is what is done when the disk cannot keep up.
type OnSlow uint8

// What is done then.
const (
	SlowDrop OnSlow = iota // what has no room in memory is recorded as its length
	SlowHold               // the sessions wait
)

func sources() []string { return []string{"relay", "wire"} }
func legs() []string    { return []string{"both", "front"} }
func onSlows() []string { return []string{"drop", "hold"} }

func (s Source) String() string { return word(sources(), uint8(s)) }
func (l Legs) String() string   { return word(legs(), uint8(l)) }
func (o OnSlow) String() string { return word(onSlows(), uint8(o)) }

// MarshalText writes the word.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalText writes the word.
func (l Legs) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// MarshalText writes the word.
func (o OnSlow) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the word; the error lists those that there are.
func (s *Source) UnmarshalText(text []byte) error {
	return read(s, "source of packets", sources(), text)
}

// UnmarshalText reads the word; the error lists those that there are.
func (l *Legs) UnmarshalText(text []byte) error { return read(l, "choice of legs", legs(), text) }

// UnmarshalText reads the word; the error lists those that there are.
func (o *OnSlow) UnmarshalText(text []byte) error {
	return read(o, "way with a slow disk", onSlows(), text)
}

func word(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("invalid(%d)", i)
}

func read[T ~uint8](to *T, what string, names []string, text []byte) error {
	i := slices.Index(names, string(text))
	if i < 0 {
		return fmt.Errorf("unknown %s %q: expected one of %s", what, text, strings.Join(names, ", "))
	}
	*to = T(i)
	return nil
}
