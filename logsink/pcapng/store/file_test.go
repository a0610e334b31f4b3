package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
	"github.com/lodoor/lodoor/proxy/flow"
)

// TestFile follows a file of each form from its first block to its name.
func TestFile(t *testing.T) {
	for _, form := range forms(t) {
		t.Run(form.suffix, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "recordings")
			s := store.New(form.config(dir))
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the directory is made before it is needed: %v", err)
			}
			f := create(t, s, "")
			part := left(t, dir, ".db-"+stamp+form.suffix+".part-????????")
			if f.Part() != part || f.Path() != filepath.Join(dir, "db-"+stamp+form.suffix) {
				t.Errorf("it is at %s, and will be at %s", f.Part(), f.Path())
			}
			want := header()
			add(t, f, want)
			for n := range 500 {
				add(t, f, packet(n))
				want = append(want, packet(n)...)
			}
			if f.Written() != int64(len(want)) {
				t.Errorf("%d bytes appended, want %d", f.Written(), len(want))
			}
			wantNames(t, dir, filepath.Base(part))
			modes(t, dir, part)
			closed(t, f)
			wantNames(t, dir, base(f))
			modes(t, dir, f.Path())
			got, err := form.read(t, f.Path())
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes are read, error %v; want the %d that were written", len(got), err, len(want))
			}
			onDisk := contents(t, f.Path())
			if f.OnDisk() != int64(len(onDisk)) {
				t.Errorf("%d bytes on the disk, want %d", f.OnDisk(), len(onDisk))
			}
			if plain := bytes.Contains(onDisk, []byte(marker)); form.key != nil && plain {
				t.Error("something in it is not encrypted")
			}
		})
	}
}

// modes sees that only the owner may look.
func modes(t *testing.T, dir, path string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return // which has no such modes
	}
	for path, want := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, path: 0o600} {
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, error %v; want %v", path, info.Mode(), err, want)
		}
	}
}

// TestFlush reads a file that is being written: what was flushed is there, but for the last piece of an encrypted one.
func TestFlush(t *testing.T) {
	for _, form := range forms(t) {
		t.Run(form.suffix, func(t *testing.T) {
			f := create(t, store.New(form.config(t.TempDir())), "")
			want := header()
			add(t, f, want)
			for n := range 2000 {
				add(t, f, packet(n))
				want = append(want, packet(n)...)
				if n%100 == 99 {
					if err := f.Flush(); err != nil {
						t.Fatal(err)
					}
				}
			}
			got, _ := form.read(t, f.Part())
			most := 0 // that may be on its way
			if form.key != nil {
				most = 64 << 10
			}
			if form.compress == store.CompressZstd && form.key != nil {
				most *= 20 // of what was compressed
			}
			if !bytes.HasPrefix(want, got) || len(want)-len(got) > most {
				t.Errorf("of %d bytes %d can be read", len(want), len(got))
			}
			closed(t, f)
		})
	}
}

// TestTaken begins files whose names are taken, in every way that there is.
func TestTaken(t *testing.T) {
	dir := t.TempDir()
	s := store.New(store.Config{Dir: dir})
	write(t, filepath.Join(dir, "db-"+stamp+".pcapng"), []byte("finished"))
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "db-"+stamp+"-2.pcapng")); err != nil {
		testkit.Missing(t, "%v", err)
	}
	f, second := create(t, s, ""), create(t, s, "")
	labelled := create(t, s, "alert")
	if base(f) != "db-"+stamp+"-3.pcapng" || base(second) != "db-"+stamp+"-4.pcapng" {
		t.Errorf("files %s and %s, want numbers 3 and 4", base(f), base(second))
	}
	if base(labelled) != "db-"+stamp+"-alert.pcapng" {
		t.Errorf("file %s, want one with its label", base(labelled))
	}
	// Somebody takes the name while it is written.
	was := f.Path()
	write(t, was, []byte("somebody else's"))
	add(t, f, header())
	add(t, second, append(header(), packet(2)...))
	closed(t, second)
	closed(t, f)
	if base(second) != "db-"+stamp+"-4.pcapng" || base(f) != "db-"+stamp+"-5.pcapng" {
		t.Errorf("they became %s and %s", base(f), base(second))
	}
	if got := string(contents(t, was)); got != "somebody else's" {
		t.Errorf("%s has %q", was, got)
	}
	if !bytes.Equal(contents(t, f.Path()), header()) {
		t.Errorf("%s is not what was written", f.Path())
	}
	closed(t, labelled) // nothing was written
	if _, err := os.Lstat(filepath.Join(dir, "elsewhere")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a link was followed")
	}
	wantNames(t, dir, "db-"+stamp+".pcapng", "db-"+stamp+"-2.pcapng", "db-"+stamp+"-3.pcapng", "db-"+stamp+"-4.pcapng",
		"db-"+stamp+"-5.pcapng")
}

// TestRemoved has a file removed by somebody while it is written.
func TestRemoved(t *testing.T) {
	dir := t.TempDir()
	f := create(t, store.New(store.Config{Dir: dir}), "")
	add(t, f, header())
	if err := os.Remove(f.Part()); err != nil {
		testkit.Missing(t, "%v", err) // Windows does not let anybody
	}
	closed(t, f)
	wantNames(t, dir)
}

// full is a disk that takes some bytes.
type full struct {
	*os.File
	left int
}

var errFull = errors.New("no space left")

func (d *full) Write(b []byte) (int, error) {
	n := min(len(b), d.left)
	d.left -= n
	if _, err := d.File.Write(b[:n]); err != nil || n == len(b) {
		return n, err
	}
	return n, errFull
}

// TestFull writes to a disk that fills up: what the system had taken whole stays, and has a name.
func TestFull(t *testing.T) {
	for _, form := range forms(t) {
		t.Run(form.suffix, func(t *testing.T) {
			c := form.config(t.TempDir())
			c.Create = func(path string) (store.Media, error) {
				f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
				return &full{f, 300_001}, err
			}
			f := create(t, store.New(c), "")
			add(t, f, header())
			written := 2
			var err error
			for n := 0; err == nil; n++ {
				if err = f.Append(packet(n), nil, nil); err == nil && n%10 == 0 {
					err = f.Flush()
				}
				written++
			}
			if again := f.Append(packet(0), nil, nil); !errors.Is(err, errFull) || !errors.Is(again, errFull) {
				t.Errorf("errors %v and %v", err, again)
			}
			if err := f.Close(); !errors.Is(err, errFull) || !strings.Contains(err.Error(), "write "+f.Path()) {
				t.Errorf("closing says %v", err)
			}
			wantNames(t, c.Dir, base(f))
			got, err := form.read(t, f.Path())
			blocks, torn := wholeBlocks(t, got)
			if form.key == nil && torn {
				t.Error("it ends within a block")
			}
			if (err == nil) != (form.suffix == ".pcapng") || blocks < 150 || blocks >= written {
				t.Errorf("%d blocks of %d can be read, error %v", blocks, written, err)
			}
		})
	}
}

// TestCreateFails says what cannot be made.
func TestCreateFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, nil)
	_, err := store.New(store.Config{Dir: filepath.Join(file, "dir")}).Create("db", "", began())
	if err == nil || !strings.Contains(err.Error(), "make the directory of recordings") {
		t.Errorf("error %v", err)
	}
	c := store.Config{Dir: t.TempDir(), Create: func(string) (store.Media, error) { return nil, errFull }}
	if _, err := store.New(c).Create("db", "", began()); !errors.Is(err, errFull) || !strings.Contains(err.Error(), "of db") {
		t.Errorf("error %v", err)
	}
}

func TestDue(t *testing.T) {
	for _, c := range []struct {
		what   string
		config store.Config
		after  time.Duration
		want   bool
	}{
		{"nothing set", store.Config{}, time.Hour, false},
		{"too small", store.Config{RotateSize: flow.MiB}, time.Hour, false},
		{"size", store.Config{RotateSize: 100 * flow.KiB}, 0, true},
		{"too young", store.Config{RotateAge: time.Hour}, time.Hour - 1, false},
		{"age", store.Config{RotateAge: time.Hour}, time.Hour, true},
		{"an eighth of all", store.Config{WhenFull: store.WhenFullOldest, MaxTotal: 800 * flow.KiB}, 0, true},
		{"all, but nothing is removed", store.Config{MaxTotal: 100 * flow.KiB}, 0, false},
	} {
		c.config.Dir = t.TempDir()
		f := create(t, store.New(c.config), "")
		for range 105 {
			add(t, f, packet(0))
		}
		if err := f.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := f.Due(began().Add(c.after)); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
		closed(t, f)
	}
}

// TestPrograms has the files read by the programs that people have for them.
func TestPrograms(t *testing.T) {
	for _, form := range forms(t)[:2] {
		f := create(t, store.New(form.config(t.TempDir())), "")
		add(t, f, append(header(), packet(0)...))
		closed(t, f)
		if out := testkit.Run(t, "capinfos", "-c", "-M", f.Path()); !strings.Contains(out, "Number of packets:   1") {
			t.Errorf("capinfos reads %s:\n%s", form.suffix, out)
		}
		if form.compress == store.CompressZstd {
			testkit.Run(t, "zstd", "--test", f.Path())
		}
	}
}
