package testkit_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
)

func TestHome(t *testing.T) {
	t.Setenv("LODOOR_LOG_LEVEL", "nonsense")
	home := testkit.NewHome(t)
	stdout, stderr, code := home.Run("version")
	if code != 0 || !strings.HasPrefix(stdout, "lodoor ") || stderr != "" {
		t.Errorf("version: %d, %q, %q", code, stdout, stderr)
	}
	stdout, stderr, code = home.Run("no-such-command")
	if code != 2 || stdout != "" || stderr == "" {
		t.Errorf("a command that does not exist: %d, %q, %q", code, stdout, stderr)
	}
	for _, v := range home.Command().Env {
		if strings.HasPrefix(v, "LODOOR_") {
			t.Errorf("the user's %s reaches the command", v)
		}
	}
}

// TestBinary: an unchanged program is not built again.
func TestBinary(t *testing.T) {
	before, err := os.Stat(testkit.Binary(t))
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(testkit.Binary(t))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("the program was written anew")
	}
	if dir := filepath.Dir(testkit.Binary(t)); filepath.Base(dir) != "testkit" {
		t.Errorf("the program lies in %s", dir)
	}
}

func TestLodoor(t *testing.T) {
	echo := testkit.EchoServer(t)
	door := testkit.Lodoor(t, fmt.Sprintf("echo=127.0.0.1:%d:%d", testkit.FreePort(t), echo.Port()))
	fronts := door.Fronts("echo")
	if len(fronts) != 1 || door.Fronts("other") != nil {
		t.Fatalf("fronts %q of port file %q", fronts, door.PortFile())
	}
	front, err := net.ResolveTCPAddr("tcp", fronts[0])
	if err != nil {
		t.Fatal(err)
	}
	if got := talk(t, front, []byte("through the door")); string(got) != "through the door" {
		t.Errorf("answer %q", got)
	}
	if n := len(echo.Connections()); n != 1 {
		t.Errorf("the backend saw %d connections, want 1", n)
	}
	if code := door.Stop(); code != 0 {
		t.Errorf("ended with %d: %s", code, door.Stderr())
	}
	if entries, err := os.ReadDir(door.State()); err != nil || len(entries) == 0 {
		t.Errorf("no journal in the door's own home: %v, %v", entries, err)
	}
}

// TestLodoorThatCannotStart: what it said is in the failure.
func TestLodoorThatCannotStart(t *testing.T) {
	got := ending(t, func(tb testing.TB) { testkit.Lodoor(tb, "--no-such-flag") })
	if !strings.Contains(got, "ended with 2") || !strings.Contains(got, "no-such-flag") {
		t.Errorf("ended with %q", got)
	}
}
