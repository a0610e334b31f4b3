package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
)

// TestStartOnAFullDisk: a full disk does not keep lodoor from starting, after a crash either; the reserve is enough to
// begin with.
func TestStartOnAFullDisk(t *testing.T) {
	disk := smallDisk(t, "4m")
	dir := filepath.Join(disk, "journal")
	j, err := Open(small(dir))
	if err != nil {
		t.Fatal(err)
	}
	id := flow.NewSessionID()
	j.Append(opened(id), nil)
	j.turn()
	j.writer.mu.Lock() // it dies here
	j.writer.abandon()
	j.writer.mu.Unlock()
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, bytes.Repeat([]byte{1}, 8<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	fillLastPage(t, lastSegment(t, dir))

	var told troubles
	c := small(dir)
	c.Trouble = told.add
	j, stop := running(t, c)
	if _, err := appendWait(j, opened(flow.NewSessionID())); !errors.Is(err, ErrSpace) {
		t.Errorf("an open on a full disk: %v", err)
	}
	mustAppend(t, j, flow.Record{Event: flow.EventAlert, Alert: &flow.Alert{Count: 1}})
	// The turn that lost the open tells so after it has answered; the alert was written in a later one.
	if told.count() != 2 {
		t.Errorf("an open was lost on a full disk; troubles %v", told.all())
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	mended(t, j)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if r := content(t, dir); r.Opens != r.Closes || r.Opens < 2 {
		t.Errorf("report %+v", r)
	}
}

// fillLastPage leaves no room in the page that a segment ends in: what is behind its records is set aside at the start.
func fillLastPage(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 8192)); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the page was not the last: %v", err)
	}
}

// TestTornTailOnAFullDisk: what cannot be set aside whole is not set aside in part, and stays where it is.
func TestTornTailOnAFullDisk(t *testing.T) {
	disk := smallDisk(t, "1m")
	dir := filepath.Join(disk, "journal")
	whole(t, dir)
	last := lastSegment(t, dir)
	torn := append(readFile(t, last), bytes.Repeat([]byte("x"), 100<<10)...)
	writeFile(t, last, torn)
	if err := os.Remove(filepath.Join(dir, reserveName)); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, bytes.Repeat([]byte{1}, 2<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	info, err := os.Stat(ballast)
	if err == nil {
		err = os.Truncate(ballast, info.Size()-40<<10) // some room, and too little
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		j, err := Open(small(dir))
		if !errors.Is(err, ErrSpace) {
			t.Fatalf("opened %v, %v", j, err)
		}
		if files, err := tornFiles(dir); err != nil || len(files) != 0 || !bytes.Equal(readFile(t, last), torn) {
			t.Fatalf("set aside %v, %v; the segment has changed or a part was left", files, err)
		}
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	restart(t, dir)
	if r := content(t, dir); len(r.Torn) != 1 {
		t.Errorf("report %+v", r)
	}
}
