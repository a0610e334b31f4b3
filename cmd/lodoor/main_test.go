package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"lodoor": func() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScript runs every command as a user types it.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"says": says},
	})
}

// says is the script command "says CODE REGEXP ARG…": lodoor with these arguments ends with the code, prints nothing
// to standard output, and what it prints to standard error matches.
func says(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: says CODE REGEXP ARG...")
	}
	code, pattern := args[0], regexp.MustCompile(args[1])
	err := ts.Exec("lodoor", args[2:]...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		ts.Fatalf("lodoor %q: %v", args[2:], err)
	}
	stdout, stderr := ts.ReadFile("stdout"), ts.ReadFile("stderr")
	if strconv.Itoa(exit.ExitCode()) != code || !pattern.MatchString(stderr) || stdout != "" {
		ts.Fatalf("lodoor %q ended with %d and said:\n%s%s", args[2:], exit.ExitCode(), stdout, stderr)
	}
}
