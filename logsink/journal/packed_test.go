package journal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/lodoor/lodoor/internal/testkit"
)

// wholePacked is whole with every segment but the last compressed.
func wholePacked(t testing.TB, dir string) {
	t.Helper()
	whole(t, dir)
	list := segmentsOf(t, dir)
	for _, s := range list[:len(list)-1] {
		repack(t, s.path, readFile(t, s.path))
		if err := os.Remove(s.path); err != nil {
			t.Fatal(err)
		}
	}
	packedOnly(t, dir)
}

// repack writes a compressed segment with the given content.
func repack(t testing.TB, path string, content []byte) {
	t.Helper()
	var b bytes.Buffer
	if _, err := packInto(context.Background(), &b, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	writeFile(t, strings.TrimSuffix(strings.TrimSuffix(path, ".zst"), segmentSuffix)+packedSuffix, b.Bytes())
}

// editPacked rewrites the lines of the n-th segment, which is compressed.
func editPacked(n int, edit func([][]byte) [][]byte) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		path := nth(t, dir, n).path
		f, err := openSegment(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		repack(t, path, joinLines(edit(splitLines(b))))
	}
}

// spoil changes the bytes of the second segment's file.
func spoil(change func([]byte) []byte) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		path := nth(t, dir, 1).path
		writeFile(t, path, change(readFile(t, path)))
	}
}

func TestVerifyFindsInCompressed(t *testing.T) {
	for _, c := range []struct {
		name   string
		tamper func(t *testing.T, dir string)
		line   int // 0 is any
		what   string
	}{
		{"a changed byte", editPacked(1, func(l [][]byte) [][]byte {
			l[2] = bytes.Replace(l[2], []byte("psql"), []byte("sqlp"), 1)
			return l
		}), 3, "was changed"},
		{"a line gone", editPacked(1, func(l [][]byte) [][]byte { return append(l[:2:2], l[3:]...) }), 3,
			"expected record"},
		{"two lines swapped", editPacked(1, func(l [][]byte) [][]byte {
			l[1], l[2] = l[2], l[1]
			return l
		}), 2, "expected record"},
		{"a line twice", editPacked(1, func(l [][]byte) [][]byte { return append(l[:2:2], l[1:]...) }), 3,
			"expected record"},
		{"cut within a line", editPacked(1, func(l [][]byte) [][]byte {
			l[len(l)-1] = l[len(l)-1][:20]
			return l
		}), 0, "expected a record"},
		{"a flipped bit", spoil(func(b []byte) []byte {
			b[len(b)/2] ^= 4
			return b
		}), 0, ""},
		{"a wrong checksum", spoil(func(b []byte) []byte {
			b[len(b)-1] ^= 1
			return b
		}), 0, "the compressed segment is damaged"},
		{"cut short", spoil(func(b []byte) []byte { return b[:len(b)-20] }), 0, "a whole compressed segment"},
		{"cut within its header", spoil(func(b []byte) []byte { return b[:5] }), 1, "a whole compressed segment"},
		{"emptied", spoil(func([]byte) []byte { return nil }), 1, "an empty file"},
		{"not compressed at all", spoil(func([]byte) []byte { return []byte(`{"seq":1}`) }), 1, "a whole compressed segment"},
		{"something behind it", spoil(func(b []byte) []byte { return append(b, "behind"...) }), 0, "a whole compressed segment"},
		{"gone", func(t *testing.T, dir string) {
			list := segmentsOf(t, dir)
			if err := os.Rename(list[1].path, filepath.Join(dir, "elsewhere")); err != nil {
				t.Fatal(err)
			}
		}, 1, "expected record"},
		{"the oldest gone", remove(0), 1, "nothing accounts for"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			wholePacked(t, dir)
			content(t, dir)
			c.tamper(t, dir)
			r, err := Verify(dir)
			if err != nil || r.Problem == nil {
				t.Fatalf("report %+v, %v", r, err)
			}
			if !strings.Contains(r.Problem.Error(), c.what) || c.line != 0 && r.Problem.Line != c.line {
				t.Errorf("%q, want line %d and %q", r.Problem, c.line, c.what)
			}
		})
	}
}

func TestReadGoesOnBehindADamagedSegment(t *testing.T) {
	dir := t.TempDir()
	wholePacked(t, dir)
	all, list := entries(t, dir), segmentsOf(t, dir)
	spoil(func(b []byte) []byte { return b[:len(b)-20] })(t, dir)
	var errs []error
	var last uint64
	for e, err := range Read(dir, From{}) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		last = e.Identity.Seq
	}
	if len(errs) != 1 || !errors.Is(errs[0], errPacked) || !strings.Contains(errs[0].Error(), list[1].name()+":") {
		t.Errorf("errors %v", errs)
	}
	if last != all[len(all)-1].Identity.Seq {
		t.Errorf("read up to %d of %d", last, len(all))
	}
}

// TestFollowAmidCompression compresses each segment while somebody reads.
func TestFollowAmidCompression(t *testing.T) {
	dir := t.TempDir()
	j, stop := segmented(t, dir)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	seq := uint64(0)
	for e, err := range Follow(ctx, dir, From{}) {
		if err != nil {
			t.Fatal(err)
		}
		if seq++; e.Identity.Seq != seq || e.Identity.Epoch == "" {
			t.Fatalf("record %+v behind %d", e.Identity, seq-1)
		}
		switch seq {
		case 3, 60:
			packAll(t, j)
		case 20:
			for range 20 {
				session(t, j)
			}
		case 80:
			cancel()
		}
		if seq == 80 {
			break
		}
	}
	if err := stop(); err != nil || seq != 80 {
		t.Errorf("%v after %d", err, seq)
	}
}

// TestLargeWindow asks for more memory than a reader gives.
func TestLargeWindow(t *testing.T) {
	dir := t.TempDir()
	wholePacked(t, dir)
	path := nth(t, dir, 1).path
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewWriter(f, zstd.WithWindowSize(4*largestWindow), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.CopyN(z, strings.NewReader(strings.Repeat("x", 5*largestWindow)), 5*largestWindow)
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	if r, err := Verify(dir); err != nil || r.Problem == nil || !strings.Contains(r.Problem.Found, "window size") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestHasSegments(t *testing.T) {
	dir := t.TempDir()
	if has, err := HasSegments(dir); has || err != nil {
		t.Errorf("an empty directory: %v, %v", has, err)
	}
	if _, err := HasSegments(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	repack(t, filepath.Join(dir, segmentName(1)), []byte("{}\n"))
	if has, err := HasSegments(dir); !has || err != nil {
		t.Errorf("a compressed segment: %v, %v", has, err)
	}
}

// TestCompressWhenDue has Run do it.
func TestCompressWhenDue(t *testing.T) {
	dir := t.TempDir()
	whole(t, dir)
	for _, s := range segmentsOf(t, dir) {
		old := time.Now().Add(-2 * packAge)
		if err := os.Chtimes(s.path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	c := small(dir)
	c.Settings.Compress = true
	_, stop := running(t, c)
	testkit.Wait(t, "the segments to be compressed", func() bool {
		list := names(t, dir)
		return !slices.ContainsFunc(list[:len(list)-1], func(s string) bool { return !strings.HasSuffix(s, packedSuffix) })
	}, 10*time.Second)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	content(t, dir)
	packedOnly(t, dir)
}

func FuzzPacked(f *testing.F) {
	dir := f.TempDir()
	wholePacked(f, dir)
	for _, s := range segmentsOf(f, dir) {
		f.Add(readFile(f, s.path))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, strings.TrimSuffix(segmentName(1), segmentSuffix)+packedSuffix)
		writeFile(t, path, b)
		for e, err := range Read(dir, From{}) {
			if err == nil && e.Identity.Seq == 0 && len(e.Line) == 0 {
				t.Fatal("neither a record nor an error")
			}
		}
		if _, err := Verify(dir); err != nil {
			t.Fatalf("an error that is no problem: %v", err)
		}
	})
}
