package hello_test

import (
	"testing"

	"github.com/lodoor/lodoor/proxy/wire/hello"
)

// TestHello reads what clients send first, a byte at a time.
func TestHello(t *testing.T) {
	for first, want := range map[string]struct {
		taken int
		found bool
		fails bool
	}{
		"":             {0, false, false},
		"\x16":         {1, false, false},
		"\x16\x03\x01": {2, true, false},
		"\x16\x02":     {1, false, true},
		"\r\x16\x03":   {0, false, false},
		"GET":          {0, false, false},
	} {
		var h hello.Hello
		taken, err := 0, error(nil)
		for i := 0; i < len(first) && err == nil && !h.Found(); i++ {
			var one bool
			if one, err = h.Read(first[i]); one {
				taken++
			}
		}
		if taken != want.taken || h.Found() != want.found || (err != nil) != want.fails {
			t.Errorf("%q: %d bytes taken, found %v, %v", first, taken, h.Found(), err)
		}
	}
}
