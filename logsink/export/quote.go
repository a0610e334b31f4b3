package export

import "encoding/json"

// quote appends s as a string of JSON.
func quote(dst []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil { // a string always has one
		return append(dst, `""`...)
	}
	return append(dst, b...)
}
