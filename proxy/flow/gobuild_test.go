package flow

import (
	"strings"
	"testing"
)

func TestBuiltToRun(t *testing.T) {
	hash := strings.Repeat("a6", 32)
	for path, want := range map[string]bool{
		"/tmp/go-build365759831/b001/exe/shop":                         true,
		"/tmp/go-build4/b154/origin.test":                              true,
		"/home/ada/.cache/go-build/a6/" + hash + "-d/shop":             true,
		"/var/cache/ci/a6/" + hash + "-d/shop":                         true,
		`C:\Users\ada\AppData\Local\Temp\go-build42\b001\exe\shop.exe`: true,
		"/var/cache/ci/a7/" + hash + "-d/shop":                         false,
		"/var/cache/ci/a6/" + hash + "/shop":                           false,
		"/var/cache/ci/a6/" + hash[1:] + "-d/shop":                     false,
		hash + "-d/shop":           false,
		"/opt/go-builder/bin/shop": false,
		"/usr/bin/go-build":        false,
		"/usr/bin/psql":            false,
		"":                         false,
	} {
		if got := (&Executable{Path: path}).BuiltToRun(); got != want {
			t.Errorf("%q: %t", path, got)
		}
	}
}
