package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
)

// TestReadOnly cannot finish what it may not write.
func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	part := filepath.Join(dir, hidden(".pcapng"))
	write(t, part, block.AppendSection(nil, &block.Section{}))
	if err := os.Chmod(part, 0o400); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // who may write everything but a file system that is read only
		readOnly(t, part)
	}
	done, err := store.New(store.Config{Dir: dir}).Recover()
	if err == nil || !strings.Contains(err.Error(), "finish the recording "+part) || len(done) > 0 {
		t.Errorf("finished: %v, error %v", done, err)
	}
}

// readOnly mounts a file over itself so that nobody can write it.
func readOnly(t *testing.T, path string) {
	t.Helper()
	if err := unix.Mount(path, path, "", unix.MS_BIND, ""); err != nil {
		testkit.Missing(t, "mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(path, 0) })
	if err := unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
}
