// Package testkit is what the tests of several packages share.
package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// Need ends the test when one of the programs is missing: it is skipped on a developer's machine and fails where
// CI=true, so that a test that never runs is seen.
func Need(t testing.TB, programs ...string) {
	t.Helper()
	for _, name := range programs {
		Program(t, name)
	}
}

// Program returns the path of a program that [Need] finds: in PATH, in the system's own folders that a user's PATH
// lacks, or in those of the newest PostgreSQL as Debian lays it out.
func Program(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range programDirs() {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	Missing(t, "program %s is not installed", name)
	return ""
}

// NeedRoot ends the test, as [Need] does, when it does not run as root.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "this test needs root")
	}
}

// Missing ends the test because of something that the machine lacks: a skip, or a failure where CI=true.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

func programDirs() []string {
	postgres, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the only error is a bad pattern
	slices.Reverse(postgres)
	return append([]string{"/usr/local/sbin", "/usr/sbin", "/sbin"}, postgres...)
}
