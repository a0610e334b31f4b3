//go:build unix

package keylog_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lodoor/lodoor/logsink/pcapng/keylog"
)

// A pipe is refused, and nobody waits for its other end.
func TestRefusesPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	l := open(t, path)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Read(nil); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("reading: %v", err)
	}
	if _, err := keylog.Open(path); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("opening: %v", err)
	}
	device := filepath.Join(t.TempDir(), "zero")
	if err := os.Symlink("/dev/zero", device); err != nil {
		t.Fatal(err)
	}
	if _, err := keylog.Open(device); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a device: %v", err)
	}
}

func TestWarning(t *testing.T) {
	for mode, want := range map[os.FileMode]string{0o600: "", 0o644: "mode 0644", 0o640: "mode 0640", 0o620: ""} {
		path := filepath.Join(t.TempDir(), "keys")
		l := open(t, path)
		if got := l.Warning(); got != "" {
			t.Errorf("before it exists: %q", got)
		}
		write(t, path, line("CLIENT_RANDOM", 1), 0)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		expect(t, l, line("CLIENT_RANDOM", 1))
		if got := l.Warning(); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("mode %04o: %q", mode, got)
		}
		if got := l.Warning(); got != "" {
			t.Errorf("it warns again: %q", got)
		}
	}
}
