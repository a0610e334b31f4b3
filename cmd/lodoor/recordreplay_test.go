package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/replay"
)

// TestReplayUsage refuses command lines that cannot be obeyed, in words.
func TestReplayUsage(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{"", "name one recording"},
		{"f", "say where the questions go: --to ADDRESS"},
		{"f --to 5432 --speed fast", `--speed "fast": expected full, original, or how many times that, as 2x`},
		{"f --to 5432 --slower 3", `--slower "3": expected how many times, as 3x`},
		{"f --to 5432 --slower-by 0s", "expected a time above 0"},
		{"f --as-backend --listen 0 --to 5432", "--to does not go with --as-backend"},
		{"f --to 5432 --listen 1", "--listen goes with --as-backend only"},
	} {
		var out, errs strings.Builder
		code := run(t.Context(), append([]string{"record", "replay"}, strings.Fields(tc.args)...), &out, &errs)
		if code != exitUsage || !strings.Contains(errs.String(), tc.want) {
			t.Errorf("%s: ended with %d and %q, want %q", tc.args, code, errs.String(), tc.want)
		}
	}
}

// TestReplayForeign refuses a file that is no recording.
func TestReplayForeign(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("this is no recording, but some text that is long enough"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	code := run(t.Context(), []string{"record", "replay", file, "--to", "5432", "--protocol", "postgres"}, &out, &errs)
	if code != exitFailure || !strings.Contains(errs.String(), "was not made by lodoor") {
		t.Errorf("ended with %d and %q", code, errs.String())
	}
}

// TestReplaySheet shows what comes from peers as escapes.
func TestReplaySheet(t *testing.T) {
	r := &replay.Report{
		Sessions: 2, Questions: 10, Different: 2, LeftOut: 1, OutOfOrder: 1, Took: time.Second, Recorded: 2 * time.Second,
		Differences: []replay.Difference{{
			Session: "k3v9", Program: "ps\x1bql", After: 1500 * time.Microsecond, Operation: "SELECT ?\u202e", What: "row 1",
			Recorded: "a\nb", Played: "c",
		}},
		Slower:   []replay.Slower{{Operation: "SELECT ?", Count: 9, Recorded: time.Millisecond, Played: 8 * time.Millisecond}},
		Unplayed: []replay.Unplayed{{Session: "9x", Why: "it is a request to cancel", Harmless: true}},
		Ignored:  map[string]uint64{"time": 3},
	}
	got := replaySheet(r, []replay.Rule{{Name: "time", Text: "values of the time"}}, false)
	for _, want := range []string{
		"2 differences, 1 operation slower", "session k3v9, 1.5ms after the beginning, ps\\x1bql", `a\nb`, "and 1 more",
		"8ms instead of 1ms (medians of 9)", "left out", "time, in 3 answers: values of the time", "1 answer took so long",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.ContainsAny(got, "\x1b\u202e") {
		t.Errorf("it holds what a terminal obeys: %q", got)
	}
}
