package terminal

import "math"

// Visible is a text that no terminal obeys: what is not visible in it is written as an escape, as in every line here.
func Visible(s string) string {
	b, _ := appendText(nil, s, math.MaxInt)
	return string(b)
}
