package keylog_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/logsink/pcapng/keylog"
)

func TestRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	write(t, file, "", 0)
	for name, tc := range map[string]struct{ path, want string }{
		"no path":         {"", "SSLKEYLOGFILE"},
		"a directory":     {dir, "not a regular file"},
		"no directory":    {filepath.Join(dir, "none", "keys"), "expected its directory to exist"},
		"below of a file": {filepath.Join(file, "keys"), "to be a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := keylog.Open(tc.path)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
			if l != nil {
				t.Error("there is a log, too")
			}
		})
	}
}

// A file that goes and comes back as a directory is an error, and no longer once a file is there again.
func TestRefusesLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	l := open(t, path)
	expect(t, l, "")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := l.Read(nil); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("a directory: %v", err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, path, line("CLIENT_RANDOM", 1), 0)
	expect(t, l, line("CLIENT_RANDOM", 1))
}
