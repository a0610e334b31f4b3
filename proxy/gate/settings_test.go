package gate

import (
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	for _, tc := range []struct {
		settings Settings
		want     string // the error's start; empty is none
	}{
		{Settings{}, ""},
		{Settings{Hosts: []string{"app.test", "app.test:1", "*.app.test", "[::1]", "[::1]:80", "10.0.0.1:80", "my_app", "x.y."}}, ""},
		{Settings{Origins: []string{"null", "*", "app.test", "*.app.test:1", "https://a.test", "HTTPS://A.test:1", "https://*.a.test", "app://x"}}, ""},
		{Settings{Hosts: []string{"a", "*"}}, "hosts[1]: * is every name"},
		{Settings{Hosts: []string{""}}, `hosts[0]: "": expected a host`},
		{Settings{Hosts: []string{"http://a"}}, `hosts[0]: "http://a": expected a host`},
		{Settings{Hosts: []string{"a/b"}}, "hosts[0]"},
		{Settings{Hosts: []string{"a:0"}}, "hosts[0]"},
		{Settings{Hosts: []string{"a:x"}}, "hosts[0]"},
		{Settings{Hosts: []string{"::1"}}, "hosts[0]"},
		{Settings{Hosts: []string{"*.10.0.0.1"}}, "hosts[0]"},
		{Settings{Hosts: []string{"a.*.b"}}, "hosts[0]"},
		{Settings{Hosts: []string{"**"}}, "hosts[0]"},
		{Settings{Hosts: []string{"null"}, Origins: []string{"https://a/"}}, `origins[0]: "https://a/": expected an origin`},
		{Settings{Origins: []string{"a", "://a"}}, "origins[1]"},
		{Settings{Origins: []string{"https://"}}, "origins[0]"},
		{Settings{Origins: []string{"https://x@a"}}, "origins[0]"},
		{Settings{Origins: []string{"https://*"}}, "origins[0]"},
	} {
		err := tc.settings.Validate()
		if (err == nil) != (tc.want == "") || err != nil && !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want %s", tc.settings, err, tc.want)
		}
		if _, made := New(Config{Protocol: "http", Settings: tc.settings}); (made == nil) != (err == nil) {
			t.Errorf("%+v: New says %v, Validate %v", tc.settings, made, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	if w := (Settings{Hosts: []string{"a"}, Origins: []string{"a", "https://b"}}).Warnings(); len(w) != 0 {
		t.Errorf("warned of nothing: %q", w)
	}
	w := Settings{Origins: []string{"a", "*", "null"}}.Warnings()
	if len(w) != 2 || !strings.HasPrefix(w[0], "origins[1]: ") || !strings.HasPrefix(w[1], "origins[2]: ") {
		t.Errorf("%q", w)
	}
}
