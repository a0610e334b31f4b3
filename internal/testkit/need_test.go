package testkit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
)

// fakeT records how a test would have ended.
type fakeT struct {
	testing.TB
	ended string
}

func (f *fakeT) Helper() {}

func (f *fakeT) Skipf(format string, args ...any) { f.end("skip: ", format, args) }

func (f *fakeT) Fatalf(format string, args ...any) { f.end("fatal: ", format, args) }

func (f *fakeT) end(how, format string, args []any) {
	f.ended = how + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func ending(t *testing.T, check func(testing.TB)) string {
	f := &fakeT{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		check(f)
	}()
	<-done
	return f.ended
}

func TestNeed(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "present"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for _, tc := range []struct{ ci, program, want string }{
		{"", "present", ""},
		{"true", "present", ""},
		{"", "no-such-program", "skip: program no-such-program is not installed"},
		{"true", "no-such-program", "fatal: program no-such-program is not installed"},
	} {
		t.Setenv("CI", tc.ci)
		got := ending(t, func(tb testing.TB) { testkit.Need(tb, "present", tc.program) })
		if got != tc.want {
			t.Errorf("CI=%q, %s: ended with %q, want %q", tc.ci, tc.program, got, tc.want)
		}
	}
}
