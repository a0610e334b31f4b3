package store

import (
	"fmt"
	"slices"
	"strings"
)

// Compression is how files are compressed.
type Compression uint8

// The compressions.
const (
	CompressOff  Compression = iota
	CompressZstd             // Zstandard (RFC 8878), at its fastest
)

// WhenFull is what is done when the files have come near to MaxTotal.
type WhenFull uint8

// What is done then.
const (
	WhenFullStop   WhenFull = iota // nothing more is recorded
	WhenFullOldest                 // the oldest finished files are removed
)

func compressions() []string { return []string{"off", "zstd"} }

func whenFulls() []string { return []string{"stop", "oldest"} }

func (c Compression) String() string { return name(compressions(), int(c)) }

// MarshalText writes the word.
func (c Compression) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the word; the error lists those that there are.
func (c *Compression) UnmarshalText(text []byte) error {
	i, err := parse("compression", compressions(), text)
	*c = Compression(i)
	return err
}

func (w WhenFull) String() string { return name(whenFulls(), int(w)) }

// MarshalText writes the word.
func (w WhenFull) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads the word; the error lists those that there are.
func (w *WhenFull) UnmarshalText(text []byte) error {
	i, err := parse("way of making room", whenFulls(), text)
	*w = WhenFull(i)
	return err
}

func name(words []string, i int) string {
	if i < len(words) {
		return words[i]
	}
	return fmt.Sprintf("invalid(%d)", i)
}

func parse(what string, words []string, text []byte) (int, error) {
	if i := slices.Index(words, string(text)); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("unknown %s %q: expected one of %s", what, text, strings.Join(words, ", "))
}
