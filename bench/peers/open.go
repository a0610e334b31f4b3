//go:build linux

package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lodoor/lodoor/bench/machine"
)

// How long a door may take to open and to end.
const (
	openWithin = 20 * time.Second
	stopWithin = 3 * time.Second
)

// ErrRefused is a configuration that lodoor does not know: a variant of another version.
var ErrRefused = errors.New("lodoor refuses the configuration")

// exitConfig is what lodoor ends with when its configuration is wrong.
const exitConfig = 78

// Open is a door that runs.
type Open struct {
	services []Service
	children []*machine.Child
	stop     os.Signal
	dir      string // of its files
}

// Opener opens doors.
type Opener struct {
	// Lodoor is the program's path.
	Lodoor string
	// Backends are the services behind the doors, without fronts.
	Backends []Service
}

// Start starts the door with its files in dir, an empty folder, and does not wait until it is open.
func (o Opener) Start(d Door, dir string) (*Open, error) {
	opened := &Open{services: slices.Clone(o.Backends), stop: d.stop, dir: dir}
	if d.file == "" {
		for i, s := range opened.services {
			opened.services[i].Front = s.Backend
		}
		return opened, nil
	}
	for i := range opened.services {
		port, err := machine.FreePort()
		if err != nil {
			return nil, err
		}
		opened.services[i].Front = port
	}
	configuration, err := d.Configuration(dir, opened.services)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, d.file), []byte(configuration), 0o600); err != nil {
		return nil, err
	}
	for i, command := range d.commands(dir, configuration) {
		if err := opened.run(o, command, dir, i); err != nil {
			opened.Close()
			return nil, fmt.Errorf("open %s: %w", d.Name, err)
		}
	}
	return opened, nil
}

func (p *Open) run(o Opener, command []string, dir string, number int) error {
	path := o.Lodoor
	if command[0] != Lodoor {
		var err error
		if path, err = machine.Program(command[0]); err != nil {
			return err
		}
	}
	cmd := exec.Command(path, command[1:]...)
	cmd.Dir = dir
	cmd.Env = environment(dir)
	child, err := machine.Start(cmd, filepath.Join(dir, outputName(number)))
	if err != nil {
		return err
	}
	p.children = append(p.children, child)
	return nil
}

// environment is the own one without what would make lodoor find somebody's configuration or journal.
func environment(dir string) []string {
	env := []string{"HOME=" + dir, "STATE_DIRECTORY=" + filepath.Join(dir, "state")}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if name != "HOME" && name != "STATE_DIRECTORY" && !strings.HasPrefix(name, "LODOOR_") && !strings.HasPrefix(name, "XDG_") {
			env = append(env, v)
		}
	}
	return env
}

// Open starts the door and waits until each of its fronts is open.
func (o Opener) Open(ctx context.Context, d Door, dir string) (*Open, error) {
	opened, err := o.Start(d, dir)
	if err != nil {
		return nil, err
	}
	for i, s := range opened.services {
		if len(opened.children) == 0 {
			break
		}
		child := opened.children[min(i, len(opened.children)-1)]
		err := child.Until(ctx, d.Name+" to open", openWithin, func() (bool, error) { return machine.Listening(s.Front) })
		if err != nil {
			refused := child.ExitCode() == exitConfig && d.Program() == Lodoor
			opened.Close()
			if refused {
				return nil, fmt.Errorf("%w: %s", ErrRefused, child.Said())
			}
			return nil, err
		}
	}
	return opened, nil
}

// Port is the front of a service; 0 when there is no such service.
func (p *Open) Port(service string) int {
	for _, s := range p.services {
		if s.Name == service {
			return s.Front
		}
	}
	return 0
}

// Relay is the processes of the door, as they are now; none when there is no relay.
func (p *Open) Relay() ([]int, error) {
	if len(p.children) == 0 {
		return nil, nil
	}
	roots := make([]int, len(p.children))
	for i, c := range p.children {
		roots[i] = c.PID()
	}
	return machine.Tree(roots...)
}

// Said is all that the first of the door's programs has printed until now.
func (p *Open) Said() (string, error) {
	b, err := os.ReadFile(filepath.Join(p.dir, outputName(0)))
	return string(b), err
}

func outputName(number int) string { return "output." + strconv.Itoa(number) }

// Close ends the door and waits for it.
func (p *Open) Close() {
	for _, c := range p.children {
		c.Stop(p.stop, stopWithin)
	}
}
