package alert_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/alert"
)

// A full disk takes nothing that was kept: who asks for something is told that it holds, but not for after a restart;
// the file stays as it was, nothing is left beside it, and it is written as soon as there is room.
func TestStateOnAFullDisk(t *testing.T) {
	testkit.NeedRoot(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		testkit.Missing(t, "mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	file, ballast := filepath.Join(dir, "alerts.json"), filepath.Join(dir, "ballast")
	inBubble(t, alert.Config{Dir: dir}, func(b *bell) {
		if err := b.a.Learn(time.Hour); err != nil {
			t.Fatal(err)
		}
		kept := readFile(t, file)
		if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("filled the disk: %v", err)
		}
		_, err := b.a.Silence(alert.Silence{Condition: alert.Denied, Until: time.Now().Add(time.Hour), By: "ann"})
		if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "it holds, and is forgotten when lodoor ends before") {
			t.Errorf("a silence on a full disk: %v", err)
		}
		b.pass(3 * time.Minute)
		files, err := filepath.Glob(filepath.Join(dir, "alerts*"))
		if err != nil || len(files) != 1 || !bytes.Equal(readFile(t, file), kept) {
			t.Errorf("files %q: %v", files, err)
		}
		if len(b.warned) != 1 || !strings.Contains(b.warned[0], "no space left") {
			t.Errorf("warned of %q", b.warned)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		b.pass(2 * time.Minute)
		b.begin(alert.Config{Dir: dir})
		if all := b.a.Silences(); len(all) != 1 || all[0].By != "ann" {
			t.Errorf("silences after a restart: %+v", all)
		}
	})
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
