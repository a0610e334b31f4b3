package alert_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/proxy/flow"
)

// A state that cannot be read ends nothing; a person gets to see it.
func TestBrokenStateIsSetAside(t *testing.T) {
	for text, why := range map[string]string{
		"{\"version\":1,":                "unexpected end of JSON input",
		"":                               "unexpected end of JSON input",
		"{\"version\":2}":                "it has version 2: expected 1",
		"{\"version\":1,\"acks\":[7]}":   "cannot unmarshal number",
		"{\"version\":1,\"silences\":3}": "cannot unmarshal number",
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "alerts.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		inBubble(t, alert.Config{Dir: dir}, func(b *bell) {
			if len(b.warned) != 1 || !strings.Contains(b.warned[0], why) ||
				!strings.Contains(b.warned[0], "alerts begin without them, and it is kept as "+file+".broken") {
				t.Errorf("%q: warned of %q", text, b.warned)
			}
			kept, err := os.ReadFile(file + ".broken")
			if err != nil || string(kept) != text {
				t.Errorf("kept is %q: %v", kept, err)
			}
			if err := b.a.Learn(time.Hour); err != nil {
				t.Error(err)
			}
			if b.begin(alert.Config{Dir: dir}); b.a.Learning().IsZero() || len(b.warned) != 1 {
				t.Errorf("learning until %v, warned of %q", b.a.Learning(), b.warned)
			}
		})
	}
}

func TestStateIsForItsOwnerAndLeavesNothingBeside(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, alert.Config{Dir: dir}, func(b *bell) {
		for range 3 {
			if err := b.a.Learn(time.Hour); err != nil {
				t.Fatal(err)
			}
		}
	})
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != "alerts.json" {
		t.Fatalf("files %v: %v", files, err)
	}
	info, err := files[0].Info()
	if err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("mode %v: %v", info.Mode(), err)
	}
}

// What only accumulates is written at most once a minute; that it cannot be is told once.
func TestProgramsThatCannotBeKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	inBubble(t, alert.Config{Dir: dir}, func(b *bell) {
		if err := b.a.Learn(time.Hour); err == nil || !strings.Contains(err.Error(), "it holds, and is forgotten when lodoor ends before") {
			t.Errorf("learn: %v", err)
		}
		b.give(opened("pg", "psql", "/usr/bin/psql"))
		b.pass(10 * time.Minute)
		if len(b.warned) != 1 || !strings.Contains(b.warned[0], "keep silences and learned programs") {
			t.Errorf("warned of %q", b.warned)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		b.pass(2 * time.Minute)
		b.begin(alert.Config{Dir: dir})
		if n := len(b.a.Programs()); n != 1 {
			t.Errorf("%d programs are kept", n)
		}
		b.batch(flow.Batch{Last: true})
	})
}
