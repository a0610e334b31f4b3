package journal

import "encoding/json"

// opt is a part of a record that may be absent. It is no pointer, so that what is read off a line needs no memory of its
// own.
type opt[T any] struct {
	value   T
	present bool
}

// set is the value to be read into.
func (o *opt[T]) set() *T {
	o.present = true
	return &o.value
}

// get is nil when the part is absent.
func (o *opt[T]) get() *T {
	if !o.present {
		return nil
	}
	return &o.value
}

// UnmarshalJSON reads as encoding/json reads into a pointer: null is absent.
func (o *opt[T]) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*o = opt[T]{}
		return nil
	}
	return json.Unmarshal(text, o.set())
}
