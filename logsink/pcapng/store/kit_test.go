package store_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
)

// began is when the tests' recordings begin.
func began() time.Time { return time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC) }

const stamp = "20260102T150405Z"

// form is a way in which files are kept.
type form struct {
	suffix   string
	compress store.Compression
	key      *age.X25519Identity // nil is not encrypted
}

func forms(t testing.TB) []form {
	t.Helper()
	key := newKey(t)
	return []form{
		{".pcapng", store.CompressOff, nil}, {".pcapng.zst", store.CompressZstd, nil},
		{".pcapng.age", store.CompressOff, key}, {".pcapng.zst.age", store.CompressZstd, key},
	}
}

func newKey(t testing.TB) *age.X25519Identity {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// config is that of a store which keeps files so.
func (f form) config(dir string) store.Config {
	c := store.Config{Dir: dir, Compress: f.compress}
	if f.key != nil {
		c.Recipients = []age.Recipient{f.key.Recipient()}
	}
	return c
}

// read is what a file has, as far as it can be read.
func (f form) read(t testing.TB, path string) ([]byte, error) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var in io.Reader = file
	if f.key != nil {
		if in, err = age.Decrypt(in, f.key); err != nil {
			t.Fatal(err)
		}
	}
	if f.compress == store.CompressZstd {
		d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		in = d
	}
	return io.ReadAll(in)
}

// header is a file's first blocks.
func header() []byte {
	b := block.AppendSection(nil, &block.Section{Application: "lodoor test"})
	return block.AppendInterface(b, &block.Interface{Link: block.LinkRaw, Name: "db front"})
}

// marker is in every packet of the tests.
const marker = "the quick brown fox"

// packet is a block that cannot be compressed to nothing.
func packet(n int) []byte {
	data := []byte(marker)
	for i := range 1000 {
		data = append(data, byte(n*31+i*i>>3))
	}
	return block.AppendPacket(nil, &block.Packet{At: began(), Data: data, Length: uint32(len(data))})
}

func create(t testing.TB, s *store.Store, label string) *store.File {
	t.Helper()
	f, err := s.Create("db", label, began())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func add(t testing.TB, f *store.File, blocks []byte) {
	t.Helper()
	if err := f.Append(blocks, nil, nil); err != nil {
		t.Fatal(err)
	}
}

func closed(t testing.TB, f *store.File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// names are those of the files in a directory.
func names(t testing.TB, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

func wantNames(t testing.TB, dir string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func contents(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wholeBlocks counts the blocks in content, which may end within one.
func wholeBlocks(t testing.TB, content []byte) (n int, torn bool) {
	t.Helper()
	r := block.NewReader(bytes.NewReader(content))
	for {
		switch _, err := r.Next(); {
		case err == nil:
			n++
		case errors.Is(err, io.EOF), errors.Is(err, block.ErrTorn):
			return n, errors.Is(err, block.ErrTorn)
		default:
			t.Fatal(err)
		}
	}
}

// hidden is the name of a file that a crash has left.
func hidden(suffix string) string { return ".db-" + stamp + suffix + ".part-k3y" }

func base(f *store.File) string { return strings.TrimPrefix(f.Path(), filepath.Dir(f.Path())+"/") }

// left is the file that a crash has left.
func left(t testing.TB, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %q, error %v", pattern, found, err)
	}
	return found[0]
}
