package main

import (
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
)

// writeJSON writes what one line of JSON says.
func writeJSON(w io.Writer, what any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	_, err = w.Write(append(plainJSON(text), '\n'))
	return err
}

// plainJSON writes all that is not visible ASCII as escapes: programs choose their names, and a terminal may be what
// reads this. In JSON such characters are only found in strings, where an escape means the same.
func plainJSON(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		if r < 0x7f {
			out = append(out, byte(r))
			continue
		}
		for _, u := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, u)
		}
	}
	return out
}
