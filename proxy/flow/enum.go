package flow

import (
	"fmt"
	"slices"
	"strings"
)

// parseEnum finds text among names and returns its index. The error lists what was expected, since it goes to the
// person who wrote the configuration.
func parseEnum(what string, names []string, text []byte) (uint8, error) {
	if i := slices.Index(names, string(text)); i >= 0 && names[i] != "" {
		return uint8(i), nil
	}
	known := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "" })
	return 0, fmt.Errorf("unknown %s %q: expected one of %s", what, text, strings.Join(known, ", "))
}

func enumName(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("invalid(%d)", i)
}
