package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Binary builds lodoor and returns its path, bin/testkit/lodoor in the checkout. With the race detector on, it has it
// too. The build of an unchanged program takes the go command some hundredths of a second, so that each test may ask.
func Binary(t testing.TB) string {
	t.Helper()
	return buildBinary(t, raceDetector)
}

func buildBinary(t testing.TB, race bool) string {
	t.Helper()
	root := moduleRoot(t)
	dir := filepath.Join(root, "bin", "testkit")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "lodoor")
	args, cgo := []string{"build", "-buildvcs=false"}, "CGO_ENABLED=0"
	if race {
		path += "-race"
		args, cgo = append(args, "-race"), "CGO_ENABLED=1"
	}
	unlock := lock(t, filepath.Join(dir, ".lock"))
	defer unlock()
	build := exec.CommandContext(t.Context(), "go", append(args, "-o", path, "./cmd/lodoor")...)
	build.Dir = root
	build.Env = append(os.Environ(), cgo)
	output(t, build)
	return path
}

func moduleRoot(t testing.TB) string {
	t.Helper()
	mod := strings.TrimSpace(output(t, exec.CommandContext(t.Context(), "go", "env", "GOMOD")))
	if filepath.Base(mod) != "go.mod" {
		t.Fatalf("the test does not run in the checkout: go env GOMOD says %q", mod)
	}
	return filepath.Dir(mod)
}

// Home is a place where lodoor's commands find each other's files and nobody else's: journal and configuration.
type Home struct {
	// Env is added to the environment of each command, as "NAME=value".
	Env []string

	t      testing.TB
	binary string
	dir    string
}

// NewHome builds lodoor and makes an empty home for it.
func NewHome(t testing.TB) *Home {
	t.Helper()
	return &Home{t: t, binary: Binary(t), dir: t.TempDir()}
}

// NewPlainHome is NewHome without the race detector, for figures that it would spoil: it multiplies memory.
func NewPlainHome(t testing.TB) *Home {
	t.Helper()
	return &Home{t: t, binary: buildBinary(t, false), dir: t.TempDir()}
}

// Dir is the home's folder; the journal's is below State.
func (h *Home) Dir() string { return h.dir }

// State is the folder that $STATE_DIRECTORY names.
func (h *Home) State() string { return filepath.Join(h.dir, "state") }

// Runtime is the folder that $RUNTIME_DIRECTORY names.
func (h *Home) Runtime() string { return filepath.Join(h.dir, "run") }

// Command is a lodoor command line that is yet to be run, without anything of the user's own in its environment.
func (h *Home) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(h.binary, args...)
	cmd.Dir = h.dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LODOOR_") && !strings.HasPrefix(v, "XDG_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "GORACE=atexit_sleep_ms=10", // a second at each end with the race detector, otherwise
		"HOME="+h.dir, "STATE_DIRECTORY="+h.State(), "RUNTIME_DIRECTORY="+h.Runtime(),
		"XDG_CONFIG_HOME="+filepath.Join(h.dir, "config"), "XDG_STATE_HOME="+filepath.Join(h.dir, "state-home"))
	cmd.Env = append(cmd.Env, h.Env...)
	return cmd
}

// Run runs a command to its end and returns what it printed and its exit code.
func (h *Home) Run(args ...string) (stdout, stderr string, code int) {
	h.t.Helper()
	var out, err strings.Builder
	cmd := h.Command(args...)
	cmd.Stdout, cmd.Stderr = &out, &err
	ownGroup(cmd)
	code = exitCode(h.t, cmd, cmd.Run())
	return out.String(), err.String(), code
}

// Door is a running lodoor.
type Door struct {
	*Child
	*Home
	portFile string
}

// Lodoor starts "lodoor run" with args in a home of its own and waits until its fronts are open. It ends with the test.
func Lodoor(t testing.TB, args ...string) *Door {
	t.Helper()
	return NewHome(t).Start(args...)
}

// Start starts "lodoor run" with args and waits until its fronts are open.
func (h *Home) Start(args ...string) *Door {
	h.t.Helper()
	d := &Door{Home: h, portFile: filepath.Join(h.t.TempDir(), "fronts")}
	d.Child = Start(h.t, h.Command(append([]string{"run", "--port-file", d.portFile}, args...)...))
	h.t.Cleanup(d.free)
	Wait(h.t, "the door to open", func() bool { return d.PortFile() != "" || d.Exited() }, readyWithin)
	if d.Exited() {
		h.t.Fatalf("lodoor run %s ended with %d:\n%s", strings.Join(args, " "), d.Wait(0), d.Stderr())
	}
	return d
}

// PortFile is what --port-file says, a line "NAME ADDRESS" for each front; empty while they are not open.
func (d *Door) PortFile() string {
	b, err := os.ReadFile(d.portFile)
	if err != nil {
		return ""
	}
	return string(b)
}

// Fronts are the addresses at which a service is open now.
func (d *Door) Fronts(service string) []string {
	var fronts []string
	for line := range strings.Lines(d.PortFile()) {
		if name, address, _ := strings.Cut(strings.TrimSpace(line), " "); name == service {
			fronts = append(fronts, address)
		}
	}
	return fronts
}

// free fails the test when the race detector spoke.
func (d *Door) free() {
	d.Kill()
	if out := d.Stderr(); strings.Contains(out, "WARNING: DATA RACE") {
		d.Child.t.Errorf("data race in lodoor:\n%s", out)
	}
}
