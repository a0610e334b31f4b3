package flow

import (
	"slices"
	"strings"
)

// Redaction is what is overwritten in a recording, lengths kept.
type Redaction struct {
	// Authentication are passwords and what is as good as one: what logs a client in, and what sets a password.
	Authentication bool `mapstructure:"authentication"`
	// Parameters are the values in statements and beside them, and the bodies of HTTP requests.
	Parameters bool `mapstructure:"parameters"`
	// Rows are the values in answers, and the bodies of HTTP answers.
	Rows bool `mapstructure:"rows"`
}

// redactionWords name the parts, in the order of their fields.
func redactionWords() [3]string { return [...]string{"authentication", "parameters", "rows"} }

func (r *Redaction) parts() [3]*bool { return [...]*bool{&r.Authentication, &r.Parameters, &r.Rows} }

// String is the words of what is overwritten, parted by commas; empty when that is nothing.
func (r Redaction) String() string {
	var words []string
	for i, part := range r.parts() {
		if *part {
			words = append(words, redactionWords()[i])
		}
	}
	return strings.Join(words, ",")
}

// ParseRedaction reads such words. known is false when one of them is none; the others count all the same.
func ParseRedaction(words string) (r Redaction, known bool) {
	known = true
	all := redactionWords()
	for word := range strings.SplitSeq(words, ",") {
		if i := slices.Index(all[:], strings.TrimSpace(word)); i >= 0 {
			*r.parts()[i] = true
		} else {
			known = false
		}
	}
	return r, known
}

// With is what either of the two overwrites.
func (r Redaction) With(more Redaction) Redaction {
	for i, part := range r.parts() {
		*part = *part || *more.parts()[i]
	}
	return r
}
