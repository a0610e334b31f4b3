package channel_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/alert/channel"
)

// script is the test's command, with what it is to do.
func script(t *testing.T, does ...string) []string {
	t.Helper()
	path, err := filepath.Abs("testdata/command.sh")
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{testkit.Program(t, "sh"), path}, does...)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCommandGetsTheAlert(t *testing.T) {
	t.Setenv("LODOOR_WEBHOOK", "https://s3cr3t.example")
	t.Setenv("AWS_SECRET", "s3cr3t")
	dir := t.TempDir()
	d, told := one(t, channel.Settings{Command: script(t, "keep", dir, "$(touch "+dir+"/shell)", "a b")})
	deliver(t, d, alertEntry("pg: \u202e\n\x9bnewline $(touch "+dir+"/shell)"))
	if len(told.list) != 0 {
		t.Fatalf("warned of %q", told.list)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(read(t, dir+"/stdin")), &got); err != nil || got["condition"] != "non_local_peer" {
		t.Errorf("standard input: %v, %v", got, err)
	}
	if args := read(t, dir+"/args"); args != "$(touch "+dir+"/shell)\na b\n" {
		t.Errorf("arguments %q", args)
	}
	env := read(t, dir+"/env")
	for _, want := range []string{
		"LODOOR_ALERT_CONDITION=non_local_peer\n", "LODOOR_ALERT_SEVERITY=critical\n", "LODOOR_ALERT_RECORD=j-e-12\n",
		`LODOOR_ALERT_MESSAGE=pg: \u202e\u000a\ufffdnewline $(touch `, "PATH=", "LODOOR_ALERT_RESOLVED=false\n",
	} {
		if !strings.Contains(env, want) {
			t.Errorf("%q is not in the environment:\n%s", want, env)
		}
	}
	if strings.Contains(env, "s3cr3t") {
		t.Errorf("lodoor's own environment is handed on:\n%s", env)
	}
	if _, err := os.Stat(dir + "/shell"); !errors.Is(err, os.ErrNotExist) {
		t.Error("a shell has looked at the arguments")
	}
}

func TestCommandFails(t *testing.T) {
	d, _ := one(t, channel.Settings{Command: script(t, "fail")})
	n, err := d.Deliver(t.Context(), journaled("a"))
	if n != 0 || err == nil || !strings.HasPrefix(err.Error(), `command: it ended with exit status 3; it said: no \u001b[1mno no no no`) {
		t.Fatalf("%d are done: %v", n, err)
	}
	if len(err.Error()) > 2000 {
		t.Errorf("%d bytes of output are told", len(err.Error()))
	}
}

// A command that does not end is killed, with what it has started.
func TestCommandHangs(t *testing.T) {
	dir := t.TempDir()
	d, _ := one(t, channel.Settings{Command: script(t, "hang", dir), Timeout: 2 * time.Second})
	n, err := d.Deliver(t.Context(), journaled("a"))
	if n != 0 || err == nil || !strings.Contains(err.Error(), "did not end within 2s and was killed") {
		t.Fatalf("%d are done: %v", n, err)
	}
	gone(t, dir+"/child")
}

func gone(t *testing.T, file string) {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(read(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	testkit.Wait(t, "the end of the command's child", func() bool {
		state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat") // one that nobody waits for is a zombie
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || err == nil && strings.Contains(string(state), ") Z ")
	}, 10*time.Second)
}

// The end of lodoor is the end of the command; the alert comes again.
func TestCommandAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	d, told := one(t, channel.Settings{Command: script(t, "hang", dir), Timeout: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := d.Deliver(ctx, journaled("a"))
		ended <- err
	}()
	testkit.Wait(t, "the command", func() bool { _, err := os.Stat(dir + "/child"); return err == nil }, 10*time.Second)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || len(told.list) != 0 {
		t.Errorf("%v, told %q", err, told.list)
	}
	gone(t, dir+"/child")
}

// What a command leaves behind does not hold up the next alert, and a command need not read.
func TestCommandLeavesAChild(t *testing.T) {
	dir := t.TempDir()
	d, told := one(t, channel.Settings{Command: script(t, "leave", dir), Timeout: time.Minute})
	deliver(t, d, alertEntry(strings.Repeat("x", 1<<20)))
	if len(told.list) != 0 {
		t.Errorf("warned of %q", told.list)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(read(t, dir+"/child")))
	if err != nil || syscall.Kill(pid, syscall.SIGKILL) != nil {
		t.Errorf("the child %d was killed", pid)
	}
}

func TestCommandThatIsNotThere(t *testing.T) {
	_, _, err := channel.New(channel.Config{Settings: channel.Settings{Command: []string{"/no/such/program"}}})
	if err == nil || !strings.HasPrefix(err.Error(), "command: ") || !strings.Contains(err.Error(), "/no/such/program") {
		t.Error(err)
	}
}
