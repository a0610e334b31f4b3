package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lodoor/lodoor/internal/testkit"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"lodoor": func() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
		"listen": func() { os.Exit(listenMain(os.Args[1:])) },
		"talk":   func() { os.Exit(talkMain(os.Args[1:])) },
		"stay":   func() { os.Exit(stayMain(os.Args[1:])) },
		"humble": func() { os.Exit(humbleMain(os.Args[1:])) },
	})
}

// TestScript runs every command as a user types it. $PORT, $PORT2 and $PORT3 are free in each script; $DEAD is a port
// on which nobody listens. With UPDATE_SCRIPTS in the environment what cmp finds different is written into the scripts.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("STATE_DIRECTORY", filepath.Join(env.WorkDir, "state"))
			env.Setenv("RUNTIME_DIRECTORY", filepath.Join(env.WorkDir, "run"))
			env.Setenv("GORACE", "atexit_sleep_ms=10") // each command with the race detector takes a second more without it
			for _, name := range []string{"PORT", "PORT2", "PORT3", "DEAD"} {
				env.Setenv(name, strconv.Itoa(testkit.FreePort(t)))
			}
			return nil
		},
		Condition: scriptCondition, UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"says": says, "await": await, "first": first,
		},
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
