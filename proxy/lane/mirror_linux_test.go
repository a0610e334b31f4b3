//go:build !portable

package lane

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
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

// onlooker is a tap that keeps what it is told, and may take what is in a pipe.
type onlooker struct {
	Tap
	takes  int // bytes at once
	beside Tap
	took   int
	data   []byte
}

func (o *onlooker) Data(_ flow.Direction, _ time.Time, b []byte) { o.data = append(o.data, b...) }

func (o *onlooker) Piped(_ flow.Direction, _ time.Time, _, n int) int {
	n = min(n, o.takes)
	o.took += n
	return n
}

func (o *onlooker) Beside() Tap { return o.beside }

// TestShow shows a tap what it does not take, and those beside it what it does.
func TestShow(t *testing.T) {
	for _, tc := range []struct {
		name          string
		takes         int
		beside        bool
		took, data    int
		besides, want int
	}{
		{"shown", 0, false, 0, 6, 0, 6},
		{"taken", 9, false, 6, 0, 0, 6},
		{"partly taken", 4, false, 4, 0, 0, 4},
		{"shown, with another", 0, true, 0, 6, 0, 6}, // who tells the other one
		{"taken, with another", 9, true, 6, 0, 6, 6},
		{"partly taken, with another", 4, true, 4, 0, 4, 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var ps pipes
			var m mirror
			p := ps.get()
			if p == nil || !m.ready(&ps) {
				t.Fatal("no pipes")
			}
			defer m.close()
			defer p.close()
			if _, err := unix.Write(p.w, []byte("abcdef")); err != nil {
				t.Fatal(err)
			}
			p.held = 6
			tap, other := &onlooker{takes: tc.takes}, &onlooker{}
			if tc.beside {
				tap.beside = other
			}
			x := &loopTapping{tap: tap, piped: tap}
			if n := x.show(flow.FromClient, time.Now(), p, &m); n != tc.want {
				t.Errorf("told of %d bytes, want %d", n, tc.want)
			}
			if tap.took != tc.took || string(tap.data) != "abcdef"[:tc.data] || string(other.data) != "abcdef"[:tc.besides] {
				t.Errorf("took %d, shown %q, the other %q; want %d, %d and %d", tap.took, tap.data, other.data, tc.took, tc.data, tc.besides)
			}
		})
	}
}
