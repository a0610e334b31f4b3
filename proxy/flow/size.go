package flow

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes that people write with a unit: 512MiB, 2GiB, 64KB, 1000.
type Size int64

// Binary units.
const (
	KiB Size = 1 << (10 * (iota + 1))
	MiB
	GiB
	TiB
)

type sizeUnit struct {
	name string
	size Size
}

// sizeUnits lists the units, longest name first so that a suffix is read greedily.
func sizeUnits() []sizeUnit {
	return []sizeUnit{
		{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB},
		{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"kB", 1e3}, {"B", 1},
	}
}

// UnmarshalText reads a whole number with an optional unit (B, KB, MB, GB, TB, KiB, MiB, GiB, TiB).
func (s *Size) UnmarshalText(text []byte) error {
	number, unit := strings.TrimSpace(string(text)), Size(1)
	for _, u := range sizeUnits() {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.size
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/int64(unit) {
		return fmt.Errorf("size %q: expected a whole number with a unit, as in 512MiB or 2GiB", text)
	}
	*s = Size(n) * unit
	return nil
}

// MarshalText writes what String does.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String writes the size exactly, with the largest binary unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits()[:4] {
		if s >= u.size && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// Human writes the size for reading, with three significant digits unless the whole part has four: 1.53 MiB, 1020 KiB.
func (s Size) Human() string {
	for _, u := range sizeUnits()[:4] {
		switch {
		case s >= 1000*u.size:
			return strconv.FormatInt(int64(s/u.size), 10) + " " + u.name
		case s >= u.size:
			return fmt.Sprintf("%.3g %s", min(float64(s)/float64(u.size), 999), u.name)
		}
	}
	return strconv.FormatInt(int64(s), 10) + " B"
}
