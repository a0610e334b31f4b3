//go:build !portable

package lane

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMirror sees what is at the front of a pipe, as much of it as the mirror's own pipe has room for, and takes nothing
// away.
func TestMirror(t *testing.T) {
	const page = 4096
	sent := bytes.Repeat([]byte("0123456789abcdef"), 4*page/16)
	for name, tc := range map[string]struct{ size, want int }{"whole": {pipeSize, len(sent)}, "one page": {page, page}} {
		t.Run(name, func(t *testing.T) {
			var ps pipes
			var m mirror
			defer ps.close()
			defer m.close()
			p := ps.get()
			defer p.close()
			if !m.ready(&ps) {
				t.Fatal("no pipe")
			}
			if _, err := unix.FcntlInt(uintptr(m.pipe.w), unix.F_SETPIPE_SZ, tc.size); err != nil {
				t.Fatal(err)
			}
			if _, err := unix.Write(p.w, sent); err != nil {
				t.Fatal(err)
			}
			p.held = len(sent)
			for range 2 { // what was seen stays
				if got := m.look(p); !bytes.Equal(got, sent[:tc.want]) {
					t.Fatalf("saw %d bytes of %d, want the first %d", len(got), len(sent), tc.want)
				}
			}
			rest := make([]byte, 2*len(sent))
			if n, err := unix.Read(p.r, rest); err != nil || !bytes.Equal(rest[:n], sent) {
				t.Errorf("%d bytes are left in the pipe, %v", n, err)
			}
		})
	}
}

// TestMirrorSeesNothing says so when the bytes cannot be seen.
func TestMirrorSeesNothing(t *testing.T) {
	var ps pipes
	var m mirror
	defer ps.close()
	if !m.ready(&ps) {
		t.Fatal("no pipe")
	}
	defer m.close()
	if got := m.look(&pipe{r: m.pipe.r, w: m.pipe.w, held: 1}); len(got) != 0 { // a pipe cannot be copied to itself
		t.Errorf("saw %q", got)
	}
}
