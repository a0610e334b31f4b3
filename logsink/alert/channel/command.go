package channel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

const (
	// afterExit is how long what a command has left behind may hold its output open.
	afterExit = time.Second
	maxOutput = 1 << 10 // bytes of a command's output that are kept
)

// command runs a program for each alert, never by way of a shell: the alert is on its standard input as JSON, and in its
// environment.
type command struct {
	path    string
	args    []string
	timeout time.Duration
}

func newCommand(s Settings) (*command, error) {
	path, err := exec.LookPath(s.Command[0])
	if err != nil {
		return nil, fmt.Errorf("command: %w: expected [PROGRAM, ARGUMENT, …], with a program that can be run", err)
	}
	return &command{path: path, args: s.Command[1:], timeout: s.timeout()}, nil
}

// send runs the program once. Every failure is one that may pass: a program cannot say that it refuses.
func (c *command) send(ctx context.Context, m *message) error {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var output head
	cmd := exec.CommandContext(limited, c.path, c.args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(m.body), &output, &output
	cmd.Env, cmd.WaitDelay = environ(m), afterExit
	groupOf(cmd)
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return nil // what it left behind is its own affair
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return fmt.Errorf("it did not end within %v and was killed%s", c.timeout, &output)
	case errors.As(err, &exit):
		return fmt.Errorf("it ended with %v%s", exit.ProcessState, &output)
	default:
		return fmt.Errorf("it could not be run: %w", err)
	}
}

// environ is all that the program gets of an environment: lodoor's own may have secrets in it.
func environ(m *message) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "LANG"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	for _, v := range []label{
		{"TEXT", m.Text}, {"MESSAGE", m.Message}, {"ID", m.ID}, {"CONDITION", m.Condition},
		{"SEVERITY", m.Severity.String()}, {"SERVICE", m.Service}, {"ZONE", m.Zone}, {"PROGRAM", m.Program},
		{"FORWARDER", m.Forwarder}, {"COUNT", strconv.FormatUint(m.Count, 10)}, {"REPEAT", strconv.FormatBool(m.Repeat)},
		{"RESOLVED", strconv.FormatBool(m.Resolved)}, {"HOST", m.Host}, {"RECORD", m.key()},
	} {
		env = append(env, "LODOOR_ALERT_"+v.Name+"="+cut(plain(v.Value), maxVariable))
	}
	return env
}

// maxVariable bounds what an alert may put into one variable; Linux takes 128 KiB, execve(2).
const maxVariable = 16 << 10

// head keeps the beginning of what is written to it.
type head struct{ text []byte }

func (h *head) Write(p []byte) (int, error) {
	if room := maxOutput - len(h.text); room > 0 {
		h.text = append(h.text, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

// String is what the program said, in one line, as the end of a sentence.
func (h *head) String() string {
	said := bytes.Join(bytes.Fields(h.text), []byte(" "))
	if len(said) == 0 {
		return ""
	}
	return "; it said: " + cut(plain(string(said)), maxOutput)
}
