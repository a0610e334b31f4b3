package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// smallDisk mounts a file system of so many bytes for the test.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	testkit.NeedRoot(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		testkit.Missing(t, "mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestRealDiskFull fills a real file system under the journal, and makes room again.
func TestRealDiskFull(t *testing.T) {
	for _, d := range []Durability{DurabilityProcess, DurabilityDisk} {
		t.Run(d.String(), func(t *testing.T) {
			disk := smallDisk(t, "512k")
			c := small(filepath.Join(disk, "journal"))
			c.Settings.Durability = d
			j, stop := running(t, c)
			before := flow.NewSessionID()
			mustAppend(t, j, opened(before))
			ballast := filepath.Join(disk, "ballast")
			if err := os.WriteFile(ballast, bytes.Repeat([]byte{1}, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
				t.Fatalf("the disk is not full: %v", err)
			}
			var lost uint64
			for range 100 { // the last page of the segment still has room for some
				if _, err := appendWait(j, opened(flow.NewSessionID())); err != nil {
					lost++
				}
			}
			if _, err := appendWait(j, closed(before)); err == nil || lost == 0 {
				t.Error("a close was written to a full disk")
			}
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			mended(t, j)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			restart(t, c.Settings.Dir)
			r := content(t, c.Settings.Dir)
			if r.Dropped != j.Stats().Dropped || r.Dropped < lost {
				t.Errorf("report %+v, %d were lost", r, lost)
			}
			if pairs := pairing(t, c.Settings.Dir); pairs != "" {
				t.Error(pairs)
			}
		})
	}
}

// TestRealDiskKeepsFree lets other files fill the disk: the oldest segments go, and the journal goes on.
func TestRealDiskKeepsFree(t *testing.T) {
	disk := smallDisk(t, "1m")
	c := small(filepath.Join(disk, "journal"))
	c.Settings.RotateSize, c.Settings.KeepFree = 64*flow.KiB, 128*flow.KiB
	j, stop := running(t, c)
	until := time.Now().Add(waitLong)
	for j.Stats().Bytes < 3<<20 && time.Now().Before(until) {
		session(t, j)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	r := content(t, c.Settings.Dir)
	free, _, err := diskSpace(disk)
	if err != nil || r.Dropped != 0 || r.Pruned == 0 || r.Segments < 5 || free < 64<<10 {
		t.Errorf("report %+v, %d bytes free, %v", r, free, err)
	}
}
