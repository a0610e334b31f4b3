package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWritePieces writes more pieces than the system takes in one call.
func TestWritePieces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var pieces [][]byte
	for n := range 2*maxPieces + 1 {
		pieces = append(pieces, fmt.Appendf(nil, "%d,", n))
	}
	want := bytes.Join(pieces, nil)
	if err := (disk{f}).WritePieces(pieces); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes were written of %d, or others, %v", len(got), len(want), err)
	}
}

// TestWritePiecesFull says which file has no room.
func TestWritePiecesFull(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = disk{f}.WritePieces([][]byte{[]byte("a"), []byte("b")})
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "write /dev/full") {
		t.Errorf("error %v", err)
	}
}

func TestBehind(t *testing.T) {
	for n, want := range []string{"ab cde", "b cde", "cde", "de", "e", ""} {
		rest := behind([][]byte{[]byte("ab"), []byte("cde")}, n)
		if got := string(bytes.Join(rest, []byte(" "))); got != want {
			t.Errorf("behind %d bytes is %q, want %q", n, got, want)
		}
	}
}
