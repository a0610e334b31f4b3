package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// reloadWithin is how long a door may take to answer.
const reloadWithin = 10 * time.Second

func newReloadCommand() *cobra.Command {
	var instance, dir string
	cmd := &cobra.Command{
		Use:   "reload [--instance NAME | --dir DIR]",
		Short: "Make a running door read its configuration again, and say what came of it",
		Long: `Make a running door read its configuration again, and say what came of it.

The door is found by its journal; one that runs with --journal off is told by kill -HUP. A configuration that is broken
changes nothing: the door goes on with the old one, and this command ends with 78.`,
		Args:    noArgs,
		PreRunE: notBoth("instance", "dir"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := runningDoor(instance, dir)
			if err != nil {
				return err
			}
			said, err := found.reload(cmd.Context())
			if err == nil {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), said)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&instance, "instance", "", "`NAME` of the door's journal, when several doors run")
	cmd.Flags().StringVar(&dir, "dir", "", "`DIR` of the door's journal, when it is not in the default place")
	return cmd
}

// running is a door that writes a journal now.
type running struct {
	dir string
	pid int
}

// runningDoor finds the one door that is meant.
func runningDoor(instance, dir string) (running, error) {
	dirs := []string{dir}
	if dir == "" {
		var err error
		if dirs, err = journal.Dirs(); err != nil {
			return running{}, err
		}
	}
	var found []running
	var names []string
	for _, d := range dirs {
		pid, writing, err := journal.Writer(d)
		if err != nil && dir != "" {
			return running{}, err
		}
		if name := filepath.Base(d); writing && (instance == "" || name == instance) {
			found = append(found, running{d, pid})
			names = append(names, name)
		}
	}
	switch {
	case len(found) == 0 && dir != "":
		return running{}, fmt.Errorf("no running door writes a journal in %s", dir)
	case len(found) == 0 && instance != "":
		return running{}, fmt.Errorf("no door is running as instance %s", instance)
	case len(found) == 0:
		return running{}, errors.New("no running door was found by its journal; one with --journal off is told by kill -HUP PID")
	case len(found) > 1:
		return running{}, usageError(fmt.Errorf("several doors are running: name one with --instance, of %s", strings.Join(names, ", ")))
	case found[0].pid == 0:
		return running{}, fmt.Errorf("the process that writes %s cannot be told from here; send it SIGHUP", found[0].dir)
	}
	return found[0], nil
}

// reload asks the door, and waits for what it writes into its journal about it.
func (r running) reload(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, reloadWithin)
	defer cancel()
	asked := time.Now()
	process, err := os.FindProcess(r.pid)
	if err == nil {
		err = process.Signal(syscall.SIGHUP)
	}
	if err != nil {
		return "", fmt.Errorf("send SIGHUP to the door, process %d: %w", r.pid, err)
	}
	for e, err := range journal.Follow(ctx, r.dir, journal.From{Since: asked}) {
		if err != nil {
			return "", fmt.Errorf("read the door's answer from %s: %w", r.dir, err)
		}
		switch e.Record.Event {
		case flow.EventConfigLoaded:
			return fmt.Sprintf("process %d has loaded its configuration from %s", r.pid, e.Record.Config.Source), nil
		case flow.EventConfigRejected:
			return "", configError(fmt.Errorf("process %d goes on with its old configuration:\n%s", r.pid, e.Record.Config.Error))
		}
	}
	return "", fmt.Errorf("process %d did not answer within %s", r.pid, reloadWithin)
}
