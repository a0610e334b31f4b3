package testkit

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// Run runs a program that [Need] finds, to its end, and returns what it printed to standard output. The test fails,
// with everything that the program said, when it does not end with 0.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	return output(t, exec.CommandContext(t.Context(), Program(t, name), args...))
}

// output runs cmd and returns what it printed.
func output(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	ownGroup(cmd)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\nstdout:\n%s\nstderr:\n%s", cmd, err, out, stderr.String())
	}
	return string(out)
}

// exitCode is what a program that has run to its end ended with.
func exitCode(t testing.TB, cmd *exec.Cmd, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", cmd, err)
	}
	return cmd.ProcessState.ExitCode()
}
