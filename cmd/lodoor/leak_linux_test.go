package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/lodoor/lodoor/internal/testkit"
)

// A door that has ended, with everything switched on, leaves no goroutine behind.
func TestDoorLeavesNothingBehind(t *testing.T) {
	backend := testkit.EchoServer(t)
	before := goleak.IgnoreCurrent()
	dir := t.TempDir()
	ports := filepath.Join(dir, "ports")
	args := []string{"run", "--port-file", ports, "--journal", filepath.Join(dir, "journal"), "--record", filepath.Join(dir, "record"),
		"--tripwire", fmt.Sprintf("svc=127.0.0.1:%d:%d", testkit.FreePort(t), backend.Port())}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	err := withDoor(ctx, args, ports, io.Discard, io.Discard, func(door string) error {
		defer stop()
		for i := range 20 {
			echoClient(t, door, 1000*i)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, before)
}
