package configs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What is in a file never makes Load panic, every problem has a place, and what loads can be shown and loaded again.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("examples/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "reference.yaml") {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint8(0))
	}
	for i, s := range []string{
		"a: &a [*a]", "<<: {log: {level: info}}", "? [a]\n: b", "log: !!binary aGk=", "a: *b", "[[services]]\nname='x'\n[services.limits]\nrate=1",
		"services = [{name='a', listen=1, backend=2}]", `{"services": [{"name": "a", "listen": [1], "backend": 2}], "x": null}`,
	} {
		f.Add([]byte(s), uint8(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, format uint8) {
		name := "a." + []string{"yaml", "toml", "json"}[format%3]
		l, err := Load(apart(LoadOptions{File: write(t, name, string(data))}))
		var e *Error
		if err == nil {
			again, err := Load(apart(LoadOptions{File: write(t, "a.yaml", l.YAML(true))}))
			if err != nil {
				t.Fatalf("what is shown cannot be loaded: %v\n%s", err, l.YAML(true))
			}
			if again.Hash() != l.Hash() {
				t.Fatalf("what is shown is another configuration:\n%s\n%s", l.YAML(true), again.YAML(true))
			}
			return
		}
		if !errors.As(err, &e) || len(e.Problems) == 0 {
			t.Fatalf("%T %v", err, err)
		}
		for _, p := range e.Problems {
			if (p.Line < 1 || p.Column < 1) && len(data) <= maxFile || p.File == "" || p.Text == "" {
				t.Errorf("a problem without a place: %#v", p)
			}
		}
	})
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "30d": 30 * day, "1d12h": 36 * time.Hour, "0s": 0, "1.5h": 90 * time.Minute, "106751d": 106751 * day,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("ParseDuration(%q) is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "30", "0", "-5s", "+5s", "1.5d", "12h1d", "d", "5w", "1d-5s", "106752d", "106751d24h", "99999999999999999999d", "s", " 5s"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) is %v, expected an error", text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Min(0).Draw(t, "d"))
		if got, err := ParseDuration(FormatDuration(d)); err != nil || got != d {
			t.Errorf("%d: %q is %d, %v", d, FormatDuration(d), got, err)
		}
	})
}

func TestNearest(t *testing.T) {
	names := []string{"dir", "durability", "max_size", "max_age", "keep_free"}
	for s, want := range map[string]string{
		"maxsize": "max_size", "max-age": "max_age", "dri": "dir", "durabilty": "durability", "x": "", "size": "", "zone": "",
	} {
		if got := nearest(s, names); got != want {
			t.Errorf("nearest(%q) is %q, expected %q", s, got, want)
		}
	}
}
