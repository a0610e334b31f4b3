//go:build linux

// Package services starts what stands behind the doors: Redis, PostgreSQL, iperf3 and an echo service.
package services

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/lodoor/lodoor/bench/load"
	"github.com/lodoor/lodoor/bench/machine"
)

// The services by their names, which are also those of their programs.
const (
	Redis    = "redis"
	Postgres = "postgres"
	Iperf3   = "iperf3"
	Echo     = "echo"
)

// startWithin is how long a service may take to start, stopWithin to end.
const (
	startWithin = 60 * time.Second
	stopWithin  = 5 * time.Second
)

// Set is the services that run.
type Set struct {
	// Ports are where they listen on 127.0.0.1, by their names.
	Ports map[string]int
	// Echo is the echo service, when it was asked for.
	Echo *load.Echo

	dir     string
	closers []func() error
}

// Start starts the named services with their files below dir. Close ends them.
func Start(ctx context.Context, dir string, names ...string) (*Set, error) {
	s := &Set{Ports: make(map[string]int), dir: dir}
	starters := map[string]func(context.Context) error{
		Redis: s.redis, Postgres: s.postgres, Iperf3: s.iperf3, Echo: s.echo,
	}
	for _, name := range names {
		start, ok := starters[name]
		if !ok {
			return nil, errors.Join(fmt.Errorf("unknown service %q", name), s.Close())
		}
		port, err := machine.FreePort()
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.Ports[name] = port
		if err := start(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), s.Close())
		}
	}
	return s, nil
}

// Close ends the services, the last first.
func (s *Set) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// run starts a server and waits until it listens. Its end is asked for with stop.
func (s *Set) run(ctx context.Context, cmd *exec.Cmd, name string, stop os.Signal) error {
	c, err := machine.Start(cmd, filepath.Join(s.dir, name+".output"))
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { c.Stop(stop, stopWithin); return nil })
	return c.Until(ctx, name+" to listen", startWithin, func() (bool, error) { return machine.Listening(s.Ports[name]) })
}

func (s *Set) redis(ctx context.Context) error {
	path, err := machine.Program("redis-server")
	if err != nil {
		return err
	}
	cmd := exec.Command(path, "--port", strconv.Itoa(s.Ports[Redis]), "--bind", "127.0.0.1", "--save", "",
		"--appendonly", "no", "--dir", s.dir)
	if err := s.run(ctx, cmd, Redis, syscall.SIGTERM); err != nil {
		return err
	}
	return load.SetKey(s.Ports[Redis])
}

func (s *Set) iperf3(ctx context.Context) error {
	path, err := machine.Program("iperf3")
	if err != nil {
		return err
	}
	cmd := exec.Command(path, "--server", "--bind", "127.0.0.1", "--port", strconv.Itoa(s.Ports[Iperf3]))
	return s.run(ctx, cmd, Iperf3, syscall.SIGTERM)
}

func (s *Set) echo(context.Context) error {
	e, err := load.NewEcho(s.Ports[Echo])
	if err != nil {
		return err
	}
	s.Echo = e
	s.closers = append(s.closers, e.Close)
	return nil
}

// The database of pgbench: a million rows in its largest table at scale 10, all of it in memory.
const (
	scale         = "10"
	sharedBuffers = "256MB"
)

func (s *Set) postgres(ctx context.Context) error {
	home := filepath.Join(s.dir, "postgres")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	id, err := postgresUser(home)
	if err != nil {
		return err
	}
	data := filepath.Join(home, "data")
	initialize, err := command(id, home, "initdb", "--pgdata", data, "--username=postgres", "--auth=trust", "--no-sync",
		"--encoding=UTF8", "--locale=C")
	if err != nil {
		return err
	}
	if _, err := machine.Output(ctx, initialize); err != nil {
		return err
	}
	port := strconv.Itoa(s.Ports[Postgres])
	server, err := command(id, home, "postgres", "-D", data, "-c", "listen_addresses=127.0.0.1", "-c", "port="+port,
		"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "shared_buffers="+sharedBuffers)
	if err != nil {
		return err
	}
	// An immediate shutdown, unlike a kill, gives its shared memory back.
	if err := s.run(ctx, server, Postgres, syscall.SIGQUIT); err != nil {
		return err
	}
	fill, err := command(nil, home, "pgbench", "--initialize", "--quiet", "--scale", scale, "--host", "127.0.0.1",
		"--port", port, "--username", "postgres", "postgres")
	if err != nil {
		return err
	}
	_, err = machine.Output(ctx, fill)
	return err
}

// postgresUser is the user that PostgreSQL runs as, when this process is root's: it refuses to be. The folder becomes
// that user's, and those above it can be entered.
func postgresUser(home string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(u.Uid) // numbers on Linux, user(5)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(home, uid, gid); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func command(id *syscall.Credential, dir, name string, args ...string) (*exec.Cmd, error) {
	path, err := machine.Program(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC", "HOME="+dir)
	if id != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: id}
	}
	return cmd, nil
}
