package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
)

// icyDisk is a file system of its own that can be frozen: whoever writes to it waits.
type icyDisk struct {
	t   *testing.T
	dir string
}

func newIcyDisk(t *testing.T) *icyDisk {
	t.Helper()
	testkit.NeedRoot(t)
	testkit.Need(t, "mkfs.ext4", "mount", "umount", "fsfreeze")
	place := t.TempDir()
	image, dir := filepath.Join(place, "image"), filepath.Join(place, "disk")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, soak[int64](600<<20, 5<<30)); err != nil {
		t.Fatal(err)
	}
	testkit.Run(t, "mkfs.ext4", "-q", "-O", "^has_journal", image)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(testkit.Program(t, "mount"), "-o", "loop", image, dir).CombinedOutput(); err != nil {
		testkit.Missing(t, "mount a file system of a file: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command(testkit.Program(t, "umount"), dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return &icyDisk{t, dir}
}

// freeze has every write wait until thaw is called. The disk thaws by itself when this program dies, whatever it dies of:
// a child waits for the end of its own input, and nothing but this program holds the other end.
func (d *icyDisk) freeze() (thaw func()) {
	d.t.Helper()
	cmd := exec.Command("sh", "-c", `"$1" -f "$2" && echo frozen; read -r line; exec "$1" -u "$2"`, "sh",
		testkit.Program(d.t, "fsfreeze"), d.dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	thaw = sync.OnceFunc(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			d.t.Errorf("thaw: %v", err)
		}
	})
	d.t.Cleanup(thaw)
	if said, err := bufio.NewReader(out).ReadString('\n'); said != "frozen\n" {
		d.t.Fatalf("freeze: %q, %v", said, err)
	}
	return thaw
}
