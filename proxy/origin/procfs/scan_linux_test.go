package procfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScannerListsProcessesNewestFirst(t *testing.T) {
	for _, tc := range []struct {
		loadavg string
		want    []int
	}{
		{"0.00 0.01 0.05 1/80 90\n", []int{90, 80, 7, 1}},
		{"0.00 0.01 0.05 1/80 9\n", []int{7, 1, 90, 80}}, // the numbers have begun again
		{"", []int{90, 80, 7, 1}},
		{"nonsense\n", []int{90, 80, 7, 1}},
	} {
		tr := newTree(t)
		for _, pid := range []int{80, 1, 90, 7} {
			tr.process(pid, 1, 0, "x", "")
		}
		if tc.loadavg != "" {
			tr.write("loadavg", tc.loadavg)
		}
		got, err := New(tr.root).Scanner().PIDs()
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("after %q: %v\n%s", tc.loadavg, err, diff)
		}
	}
}

func TestScannerReadsSockets(t *testing.T) {
	tr := newTree(t)
	tr.process(7, 1, 0, "x", "", 50, 4294967295, 51)
	for i, link := range []string{"socket:[]", "socket:[5x]", "socket:[", "pipe:[9]", "anon_inode:[eventpoll]", "socket:[52] (deleted)",
		"/tmp/a/very/long/path/that/does/not/fit/into/the/buffer/of/the/scanner/socket:[53]"} {
		tr.must(os.Symlink(link, filepath.Join(tr.root, "7", "fd", fmt.Sprint(100+i))))
	}
	var got []uint64
	s := New(tr.root).Scanner()
	err := s.Sockets(7, func(inode uint64) bool { got = append(got, inode); return true })
	slices.Sort(got)
	if diff := cmp.Diff([]uint64{50, 51, 4294967295}, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	calls := 0
	if err := s.Sockets(7, func(uint64) bool { calls++; return false }); err != nil || calls != 1 {
		t.Errorf("%d calls after the first said that it is enough, %v", calls, err)
	}
	if err := s.Sockets(8, func(uint64) bool { return true }); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a process that is not there: %v", err)
	}
}

// A process with more descriptors than fit into one buffer.
func TestScannerReadsManySockets(t *testing.T) {
	tr := newTree(t)
	var want []int
	for i := range 3000 {
		want = append(want, 1000+i)
	}
	tr.process(7, 1, 0, "x", "", want...)
	var got []int
	err := New(tr.root).Scanner().Sockets(7, func(inode uint64) bool { got = append(got, int(inode)); return true })
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestScannerLeavesNoGarbage(t *testing.T) {
	s := New("").Scanner()
	pid := os.Getpid()
	each := func(uint64) bool { return true }
	if n := testing.AllocsPerRun(100, func() { _ = s.Sockets(pid, each) }); n > 4 {
		t.Errorf("%v allocations for a process", n)
	}
}

func BenchmarkScan(b *testing.B) {
	s := New("").Scanner()
	descriptors := 0
	for b.Loop() {
		pids, err := s.PIDs()
		if err != nil {
			b.Fatal(err)
		}
		descriptors = 0
		for _, pid := range pids {
			_ = s.Sockets(pid, func(uint64) bool { descriptors++; return true }) // some are gone
		}
	}
	b.ReportMetric(float64(descriptors), "sockets")
}
