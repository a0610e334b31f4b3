package parse

import "testing"

func TestNamed(t *testing.T) {
	const (
		open  = `{"event":"session.open","process":{"pid":7}}` + "\n"
		known = `{"event":"session.close","process":{"pid":7,"user":{"id":0}}}` + "\n"
		user  = `{"event":"session.close","process":{"user":{"id":0,"name":"root"}}}` + "\n"
		none  = `{"event":"session.close","session":{"id":"a"}}` + "\n"
	)
	for name, tc := range map[string]struct {
		lines        string
		named, ended int
		bad          bool
	}{
		"nothing":             {},
		"words, and an open":  {lines: "lodoor devel\n\n  behind it  echo (pid 7)\n" + open},
		"known and not":       {lines: known + user + open + none + known, named: 2, ended: 4},
		"the last is cut":     {lines: known + known[:len(known)-3], named: 1, ended: 1},
		"what is not a line":  {lines: `{"event":"session.close",` + "\n", bad: true},
		"a process of a word": {lines: `{"event":"session.close","process":{"pid":"x"}}` + "\n", bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			named, ended, err := Named(tc.lines)
			if named != tc.named || ended != tc.ended || (err != nil) != tc.bad {
				t.Errorf("%d of %d, %v", named, ended, err)
			}
		})
	}
}
