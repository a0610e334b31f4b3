//go:build unix

package main

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/console/control"
)

// named is a door that only says who it is.
type named struct {
	control.Door
	instance string
}

func (n named) About() control.About { return control.About{Instance: n.instance} }

// A door that was stopped is told to who asks for all, and is none of the business of who names another.
func TestANamedDoorBesideAStoppedOne(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("RUNTIME_DIRECTORY", dir)
	stopped, err := net.Listen("unix", filepath.Join(dir, "stopped.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer stopped.Close()
	l, err := control.Listen("runs")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- control.Serve(ctx, l, named{instance: "runs"}) }()
	for instance, want := range map[string]string{
		"runs": "", "": "stopped.sock does not answer", "stopped": "stopped.sock does not answer",
	} {
		w := whichDoor{instance: instance}
		door, err := w.one(t.Context())
		switch {
		case want == "" && (err != nil || door.Instance != instance):
			t.Errorf("%q: %v", instance, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %s", instance, err, want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
