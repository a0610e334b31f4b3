package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// The wire between the two namespaces of the show.
const (
	stageDoor, stagePeer = "door", "peer"
	doorLink, peerLink   = "lodoor0", "lodoor1"
	doorAddr, peerAddr   = "10.99.0.1", "10.99.0.2"
	stagePort            = "62893"
)

// stranger shows a peer that really is not local: a door in a network namespace, and a client in another one.
func (s *show) stranger(ctx context.Context) error {
	if _, err := exec.LookPath("ip"); err != nil {
		return s.substitute(ctx, errors.New("the program ip, of iproute2, is missing"))
	}
	if err := inNamespace(ctx, "true").Run(); err != nil {
		return s.substitute(ctx, fmt.Errorf("this system lets only root make network namespaces (%w)", err))
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := inNamespace(ctx, self, "demo", "--stage", stageDoor)
	cmd.Stdout, cmd.Stderr = s.stdout, s.out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the show with a peer that is not local: %w", err)
	}
	return nil
}

// inNamespace is a program in a network namespace of its own, and in a user namespace where this is not root's.
func inNamespace(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}

// runStage is one process of the show.
func runStage(cmd *cobra.Command, stage string) error {
	switch stage {
	case stageDoor:
		return doorStage(cmd)
	case stagePeer:
		return peerStage(cmd)
	default:
		return usageError(fmt.Errorf("there is no stage %q", stage))
	}
}

// doorStage runs in its own namespace, with the peer's process in another one at the end of a wire.
func doorStage(cmd *cobra.Command) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	other := exec.CommandContext(cmd.Context(), self, "demo", "--stage", stagePeer)
	other.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	other.Stdout, other.Stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
	ready, err := other.StdinPipe()
	if err != nil {
		return err
	}
	if err := other.Start(); err != nil {
		return fmt.Errorf("start the peer: %w", err)
	}
	if err := layWire(other.Process.Pid); err != nil {
		return errors.Join(err, ready.Close(), other.Wait())
	}
	return knockAtDoor(cmd, ready, other)
}

func layWire(peerPID int) error {
	return ip(
		"link set lo up",
		"link add "+doorLink+" type veth peer name "+peerLink,
		"link set "+peerLink+" netns "+strconv.Itoa(peerPID),
		"addr add "+doorAddr+"/24 dev "+doorLink,
		"link set "+doorLink+" up",
	)
}

func ip(lines ...string) error {
	for _, line := range lines {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", line, err, out)
		}
	}
	return nil
}

// knockAtDoor opens a door on all addresses and lets the peer knock at it.
func knockAtDoor(cmd *cobra.Command, ready io.Writer, other *exec.Cmd) error {
	dir, err := os.MkdirTemp("", "lodoor-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	ports := filepath.Join(dir, "ports")
	args := []string{"run", "-q", "--journal", "off", "--log-format", "console", "--log-level", "error",
		"--port-file", ports, "demo=0.0.0.0:" + stagePort + ":6379"}
	return withDoor(ctx, args, ports, cmd.OutOrStdout(), cmd.ErrOrStderr(), func(string) error {
		defer stop()
		_, err := io.WriteString(ready, "knock\n")
		return errors.Join(err, other.Wait())
	})
}

// peerStage waits for the wire, knocks, and says what came of it.
func peerStage(cmd *cobra.Command) error {
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return fmt.Errorf("wait for the door: %w", err)
	}
	if err := ip("addr add "+peerAddr+"/24 dev "+peerLink, "link set "+peerLink+" up"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 10*time.Second)
	defer cancel()
	err := demoClient(ctx, doorAddr+":"+stagePort, "", 0)
	if err == nil {
		return errors.New("a peer that is not local was let in")
	}
	_, err = fmt.Fprintf(cmd.ErrOrStderr(), "   the peer, at %s, saw: %v\n", peerAddr, err)
	return err
}
