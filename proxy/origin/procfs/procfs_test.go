//go:build linux

package procfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree writes a proc filesystem.
type tree struct {
	t    *testing.T
	root string
}

func newTree(t *testing.T) tree {
	tr := tree{t, t.TempDir()}
	for _, name := range []string{"sys", "self", "12x", "net"} {
		tr.must(os.Mkdir(filepath.Join(tr.root, name), 0o700))
	}
	return tr
}

func (tr tree) must(err error) {
	tr.t.Helper()
	if err != nil {
		tr.t.Fatal(err)
	}
}

func (tr tree) write(name, content string) {
	tr.t.Helper()
	tr.must(os.WriteFile(filepath.Join(tr.root, name), []byte(content), 0o600))
}

func (tr tree) process(pid, ppid, uid int, comm, exe string, sockets ...int) {
	tr.t.Helper()
	dir := strconv.Itoa(pid)
	tr.must(os.MkdirAll(filepath.Join(tr.root, dir, "fd"), 0o700))
	tr.write(dir+"/stat", statLine(pid, comm, ppid))
	tr.write(dir+"/cmdline", "")
	if os.Geteuid() == 0 {
		tr.must(os.Chown(filepath.Join(tr.root, dir), uid, -1))
	}
	if exe != "" {
		tr.must(os.Symlink(exe, filepath.Join(tr.root, dir, "exe")))
	}
	tr.must(os.Symlink("/dev/null", filepath.Join(tr.root, dir, "fd", "0")))
	for i, inode := range sockets {
		link := filepath.Join(tr.root, dir, "fd", strconv.Itoa(i+3))
		tr.must(os.Symlink(fmt.Sprintf("socket:[%d]", inode), link))
	}
}

// statLine is a process of session 900 on pts/3 that began 2,500 ticks after the system.
func statLine(pid int, comm string, ppid int) string {
	return fmt.Sprintf("%d (%s) S %d 901 900 34819 901 4194304 97 0 0 0 1 2 3 4 20 0 1 0 2500 3133440 350 18446744073709551615 1 2 3 0 0\n", pid, comm, ppid)
}

func TestHolders(t *testing.T) {
	tr := newTree(t)
	tr.process(1, 0, 0, "systemd", "/lib/systemd/systemd", 50)
	tr.process(80, 1, 33, "nginx", "/usr/sbin/nginx", 70, 71)
	tr.process(81, 80, 33, "nginx", "/usr/sbin/nginx", 99, 71)
	tr.process(90, 1, 5, "a-very-long-nam", "/opt/a-very-long-name-indeed (deleted)", 7)
	p := New(tr.root)
	for _, tc := range []struct {
		inode uint64
		want  []Process
		err   error
	}{
		{71, []Process{{81, 80, "nginx", 33}, {80, 1, "nginx", 33}}, nil}, // newest first
		{99, []Process{{81, 80, "nginx", 33}}, nil},
		{7, []Process{{90, 1, "a-very-long-name-indeed", 5}}, nil}, // and not 70, 71
		{9, nil, ErrNotFound},
		{0, nil, ErrNotFound},
	} {
		got, err := p.Holders(t.Context(), tc.inode)
		for i := range tc.want {
			if os.Geteuid() != 0 { // nobody else can give files away
				tc.want[i].UID = uint32(os.Geteuid())
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || !errors.Is(err, tc.err) {
			t.Errorf("inode %d: %v\n%s", tc.inode, err, diff)
		}
	}
}

func TestHoldersEndsWithItsContext(t *testing.T) {
	tr := newTree(t)
	tr.process(5, 1, 0, "x", "", 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := New(tr.root).Holders(ctx, 1); !errors.Is(err, context.Canceled) || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestHoldersOfMissingRoot(t *testing.T) {
	if _, err := New(filepath.Join(t.TempDir(), "none")).Holders(t.Context(), 1); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestUnixListeners(t *testing.T) {
	tr := newTree(t)
	tr.write("net/unix", `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01  1234 /run/a b/door
0000000000000000: 00000002 00000000 00010000 0001 01 1234567 @abstract
0000000000000000: 00000003 00000000 00000000 0001 03  1235 /run/connected
0000000000000000: 00000002 00000000 00010000 0001 01  1236
0000000000000000: 00000002 00000000 00000000 0002 01  1237 /run/datagram
nonsense
`)
	got, err := New(tr.root).UnixListeners()
	want := []UnixListener{{1234, "/run/a b/door"}, {1234567, "@abstract"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(statLine(7, "a) S (b", 1)))
	f.Add([]byte("0: 2 0 00010000 1 01  1234 /run/door\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if st, err := parseStat(b); err != nil && st != (stat{}) {
			t.Errorf("%+v with %v", st, err)
		}
		for _, l := range parseUnix(b) {
			if len(l.Path) > len(b) {
				t.Errorf("%+v of %d bytes", l, len(b))
			}
		}
	})
}
