package store_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/store"
	"github.com/lodoor/lodoor/proxy/flow"
)

// fill puts files of 100 KiB into a directory, one for each hour before now, the oldest last.
func fill(t *testing.T, dir string, now time.Time, names ...string) {
	t.Helper()
	for i, name := range names {
		path := filepath.Join(dir, name)
		write(t, path, make([]byte, 100<<10))
		at := now.Add(-time.Duration(i+1) * time.Hour)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTidy(t *testing.T) {
	const a, b, c = "a-20260102T150405Z.pcapng", "b-20250102T150405Z-alert.pcapng.zst", "a-20270102T150405Z-2.pcapng.zst.age"
	const other, foreign, notes = ".b-20240102T150405Z.pcapng.part-k3y", "mine.pcapng", "notes.txt"
	now := began()
	for _, test := range []struct {
		what   string
		config store.Config
		own    flow.Size
		gone   []string
		full   bool
	}{
		{"nothing set", store.Config{}, flow.GiB, nil, false},
		{"keep", store.Config{Keep: 90 * time.Minute}, 0, []string{c, b}, false},
		{"keep longer", store.Config{Keep: 150 * time.Minute}, 0, []string{c}, false},
		{"full, and it stops", store.Config{MaxTotal: 200 * flow.KiB}, 0, nil, false},
		{"room", store.Config{WhenFull: store.WhenFullOldest, MaxTotal: 800 * flow.KiB}, 200 * flow.KiB, nil, false},
		{"no room", store.Config{WhenFull: store.WhenFullOldest, MaxTotal: 800 * flow.KiB}, 201 * flow.KiB, []string{c}, true},
		{"no limit", store.Config{WhenFull: store.WhenFullOldest}, flow.TiB, nil, false},
		{
			"full of what cannot be removed", store.Config{WhenFull: store.WhenFullOldest, MaxTotal: flow.MiB}, flow.GiB,
			[]string{c, b, a}, true,
		},
	} {
		dir := t.TempDir()
		test.config.Dir = dir
		s := store.New(test.config)
		open := create(t, s, "") // counts as own
		add(t, open, header())
		fill(t, dir, now, a, b, c, other, foreign, notes)
		got, err := s.Tidy(now, int64(test.own))
		if err != nil {
			t.Fatal(err)
		}
		var gone []string
		for _, r := range got.Removed {
			gone = append(gone, filepath.Base(r.Path))
			if r.Size != 100<<10 || r.Full != test.full {
				t.Errorf("%s: told %+v", test.what, r)
			}
		}
		if !slices.Equal(gone, test.gone) {
			t.Errorf("%s: removed %q, want %q", test.what, gone, test.gone)
		}
		if want := int64(5-len(test.gone)) * 100 << 10; got.Others != want {
			t.Errorf("%s: the others take %d, want %d", test.what, got.Others, want)
		}
		left := []string{a, b, c, other, foreign, notes, filepath.Base(open.Part())}
		wantNames(t, dir, slices.DeleteFunc(left, func(n string) bool { return slices.Contains(test.gone, n) })...)
		closed(t, open)
	}
}
