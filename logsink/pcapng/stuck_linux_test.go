package pcapng_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/proxy/flow"
)

// An old recording that cannot be removed is told of once, and recording goes on.
func TestOldFileIsStuck(t *testing.T) {
	testkit.NeedRoot(t)
	dir := t.TempDir()
	old := filepath.Join(dir, "db-20200102T030405Z.pcapng")
	if err := os.WriteFile(old, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(old, old, "", unix.MS_BIND, ""); err != nil { // a mount point is not removed
		testkit.Missing(t, "mount: %v", err)
	}
	defer func() { _ = unix.Unmount(old, 0) }()
	r := newRig(t, pcapng.Config{Settings: pcapng.Settings{Dir: dir, Keep: time.Minute}, Standing: standing("chat")})
	tap := r.tap("chat", netipPort(0), front4)
	for i := range time.Duration(3) {
		tap.Data(flow.FromClient, time.Now(), pattern(0, 100))
		if err := r.Configure(pcapng.Settings{Dir: dir, Keep: time.Minute + i*time.Second}, standing("chat")); err != nil {
			t.Error(err)
		}
		r.Pass()
	}
	if kept, skipped := tap.Done(time.Now(), fin()); kept != 300 || skipped != 0 {
		t.Errorf("kept %d, skipped %d", kept, skipped)
	}
	r.end()
	if got := r.trouble(); len(got) != 1 || r.Stats().Failed || r.Stats().Used != sizeOf(t, dir) {
		t.Errorf("troubles %v, stats %+v", got, r.Stats())
	}
}
