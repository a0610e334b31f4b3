package testkit_test

import (
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
