package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// whichDoor is how a command line names a door that runs.
type whichDoor struct{ instance, dir string }

func (w *whichDoor) register(flags *pflag.FlagSet) {
	flags.StringVar(&w.instance, "instance", "", "`NAME` of the door, when several run")
	flags.StringVar(&w.dir, "dir", "", "`DIR` of the door's journal, instead of its name")
}

// all are the doors that are meant: each one, unless one is named.
func (w *whichDoor) all(ctx context.Context) ([]*control.Client, error) {
	found, places, err := control.Find(ctx)
	found = slices.DeleteFunc(found, func(c *control.Client) bool {
		return w.instance != "" && c.Instance != w.instance || w.dir != "" && !sameFile(c.Journal, w.dir)
	})
	switch {
	case err != nil && (len(found) == 0 || w.instance+w.dir == ""): // others may be meant, too
		return nil, err
	case len(found) > 0:
		return found, nil
	case w.dir != "":
		return nil, fmt.Errorf("no running door writes a journal in %s; doors were looked for in %s", w.dir, listed(places))
	case w.instance != "":
		return nil, fmt.Errorf("no door is running as instance %s; doors were looked for in %s", w.instance, listed(places))
	default:
		return nil, fmt.Errorf("no running door of this user was found in %s", listed(places))
	}
}

// listed are places, as a sentence names them.
func listed(places []control.Place) string {
	var all []string
	for _, p := range places {
		all = append(all, p.String())
	}
	return strings.Join(all, ", ")
}

// each asks every door that is meant; first is true of the first one.
func (w *whichDoor) each(ctx context.Context, ask func(d *control.Client, first bool) error) error {
	doors, err := w.all(ctx)
	if err != nil {
		return err
	}
	for i, d := range doors {
		if err := ask(d, i == 0); err != nil {
			return err
		}
	}
	return nil
}

// one is the door that is meant.
func (w *whichDoor) one(ctx context.Context) (*control.Client, error) {
	found, err := w.all(ctx)
	if err != nil {
		return nil, err
	}
	if len(found) == 1 {
		return found[0], nil
	}
	var names []string
	for _, c := range found {
		names = append(names, c.Instance)
	}
	return nil, usageError(fmt.Errorf("several doors are running: name one with --instance, of %s", strings.Join(names, ", ")))
}

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB) || filepath.Clean(a) == filepath.Clean(b)
}

// openSession is a session of a door that runs.
type openSession struct {
	control.Session
	flow.Record
	door *control.Client
}

// sessions are those of all doors that are meant, the oldest of each first.
func (w *whichDoor) sessions(ctx context.Context) ([]openSession, error) {
	doors, err := w.all(ctx)
	if err != nil {
		return nil, err
	}
	var all []openSession
	for _, d := range doors {
		told, err := d.Sessions(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range told {
			e, err := journal.Decode(s.Record)
			if err != nil {
				return nil, fmt.Errorf("a session of door %s: %w", d.Instance, err)
			}
			all = append(all, openSession{s, e.Record, d})
		}
	}
	return all, nil
}

// session finds the one session whose name begins with prefix.
func (w *whichDoor) session(ctx context.Context, prefix string) (*openSession, error) {
	all, err := w.sessions(ctx)
	if err != nil {
		return nil, err
	}
	var found *openSession
	for i := range all {
		if id := all[i].Record.Session.String(); strings.HasPrefix(id, strings.ToLower(prefix)) {
			if found != nil {
				return nil, usageError(fmt.Errorf("several open sessions begin with %s: %s and %s are two of them",
					prefix, found.Record.Session, id))
			}
			found = &all[i]
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no open session begins with %s; 'lodoor who' lists them", prefix)
	}
	return found, nil
}
