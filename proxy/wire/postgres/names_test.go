package postgres

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// TestNames: of names that are given, given anew and dropped those that were given last are remembered, as many as there
// is room for, and what is kept beside them has a bound.
func TestNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var n names
		var given []string // the oldest first
		forget := func(name string) {
			given = slices.DeleteFunc(given, func(s string) bool { return s == name })
		}
		room := rapid.SampledFrom([]int{0, 1000, nameTextMax / 4}).Draw(t, "text")
		stmt := &sql.Statement{Text: strings.Repeat("x", room)}
		for range rapid.IntRange(1, 5*namesMax).Draw(t, "steps") {
			name := strconv.Itoa(rapid.IntRange(0, 2*namesMax).Draw(t, "name"))
			forget(name)
			if rapid.IntRange(0, 3).Draw(t, "drop") == 0 {
				n.drop([]byte(name))
				continue
			}
			n.put([]byte(name), bound{stmt: stmt})
			given = append(given, name)
			bytes := 0
			for i, s := range slices.Backward(given) {
				if bytes += len(s) + room; bytes > nameTextMax || len(given)-i > namesMax {
					given = given[i+1:]
					break
				}
			}
		}
		for _, name := range given {
			if n.get([]byte(name)).stmt != stmt {
				t.Fatalf("%s is forgotten", name)
			}
		}
		if len(n.by) != len(given) || len(n.births) > 2*namesMax {
			t.Fatalf("%d are remembered, and %d births: expected %d", len(n.by), len(n.births), len(given))
		}
	})
}
