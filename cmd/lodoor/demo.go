package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// demoInstance names the demonstration's journal.
const demoInstance = "demo"

func newDemoCommand() *cobra.Command {
	var once bool
	var stage string
	cmd := &cobra.Command{
		Use:   "demo [--once]",
		Short: "See it work: an embedded service, local clients, a stranger",
		Long: `Show the main job on an embedded service that speaks Redis' protocol: local clients go through the door, a peer
that is not local is refused and alerted. Then the door stays open for your own tries, until Ctrl-C.

The peer that is not local lives in a network namespace that the demonstration makes for itself; nothing on the host is
changed. Where that is not permitted, it says so and shows a refusal by a rule instead.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if stage != "" {
				return runStage(cmd, stage)
			}
			return runDemo(cmd, once)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "end after the show instead of staying open")
	cmd.Flags().StringVar(&stage, "stage", "", "one part of the show, in a namespace of its own")
	_ = cmd.Flags().MarkHidden("stage")
	return cmd
}

func runDemo(cmd *cobra.Command, once bool) error {
	service, err := newDemoService()
	if err != nil {
		return fmt.Errorf("start the embedded service: %w", err)
	}
	return within(service.run, func() error {
		ctx, stop := context.WithCancel(cmd.Context())
		defer stop()
		dir, err := os.MkdirTemp("", "lodoor-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
		ports := filepath.Join(dir, "ports")
		show := &show{out: cmd.ErrOrStderr(), stdout: cmd.OutOrStdout(), backend: service.port()}
		show.say("An embedded service that speaks Redis' protocol runs on port %d; this door goes in front of it:", service.port())
		args := []string{"run", "--instance", demoInstance, "--log-format", "console", "--port-file", ports,
			fmt.Sprintf("demo=%d", service.port())}
		return withDoor(ctx, args, ports, cmd.OutOrStdout(), cmd.ErrOrStderr(), func(door string) error {
			defer func() {
				if once {
					stop()
				}
			}()
			return show.play(ctx, door)
		})
	})
}

// withDoor runs lodoor with args in this process, calls f with the address of its first front, and returns when the
// door has ended.
func withDoor(ctx context.Context, args []string, ports string, stdout, stderr io.Writer, f func(door string) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	code := make(chan int, 1)
	go func() { code <- run(ctx, args, stdout, stderr) }()
	door, err := awaitDoor(ctx, ports, code)
	if err == nil {
		err = f(door)
	}
	if err != nil {
		stop()
	}
	if c := <-code; c != exitOK && err == nil {
		return &exitError{code: c}
	}
	return err
}

// awaitDoor waits until the port file is there, and reads the first front's address from it.
func awaitDoor(ctx context.Context, ports string, code chan int) (string, error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if text, err := os.ReadFile(ports); err == nil {
			var name, address string
			_, err := fmt.Sscan(string(text), &name, &address)
			return address, err
		}
		select {
		case c := <-code:
			code <- c
			return "", &exitError{code: c}
		case <-ctx.Done():
			return "", ctx.Err()
		case <-tick.C:
		}
	}
}

// show is the demonstration's plot.
type show struct {
	out, stdout io.Writer
	backend     int
}

func (s *show) say(format string, args ...any) { fmt.Fprintf(s.out, "\n== "+format+"\n", args...) }

func (s *show) play(ctx context.Context, door string) error {
	s.say("Three local clients set and get a key through %s:", door)
	for i := range 3 {
		if err := demoClient(ctx, door, "", i); err != nil {
			return fmt.Errorf("local client: %w", err)
		}
	}
	s.say("A peer that is not on this host knocks:")
	if err := s.stranger(ctx); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(door)
	if err != nil {
		return err
	}
	s.say(`The door stays open. Try, in another terminal:
     redis-cli -h %s -p %s set greeting hello
     lodoor logs --instance %s --follow
     lodoor verify
     lodoor rules explain --peer 192.0.2.7 demo=%s:%d
   Ctrl-C ends it.`, host, port, demoInstance, port, s.backend)
	return nil
}

// substitute shows a refusal where no namespace can be made.
func (s *show) substitute(ctx context.Context, why error) error {
	s.say("(%v: instead, a second door has a rule against 127.66.0.0/16, and a client comes from there)", why)
	dir, err := os.MkdirTemp("", "lodoor-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ports := filepath.Join(dir, "ports")
	args := []string{"run", "-q", "--journal", "off", "--log-format", "console", "--deny", "127.66.0.0/16",
		"--port-file", ports, fmt.Sprintf("demo=%d", s.backend)}
	return withDoor(ctx, args, ports, s.stdout, s.out, func(door string) error {
		defer stop()
		err := demoClient(ctx, door, "127.66.0.1", 0)
		if err == nil {
			return errors.New("the client from 127.66.0.1 was let in")
		}
		s.say("The client saw: %v", err)
		return nil
	})
}

// demoClient speaks the service's protocol through the door; from, when not empty, is its source address.
func demoClient(ctx context.Context, door, from string, n int) error {
	d := net.Dialer{Timeout: 5 * time.Second}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	c, err := d.DialContext(ctx, "tcp", door)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c, "SET key:%d value\r\nGET key:%d\r\nQUIT\r\n", n, n); err != nil {
		return err
	}
	r := bufio.NewReader(c)
	for _, want := range []string{"+OK\r\n", "$5\r\n", "value\r\n", "+OK\r\n"} {
		if got, err := r.ReadString('\n'); err != nil || got != want {
			return errors.Join(err, fmt.Errorf("answer %q, expected %q", got, want))
		}
	}
	return nil
}
