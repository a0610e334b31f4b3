package lane

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

// answers is a gate that says the same each time.
type answers flow.GateAnswer

func (a *answers) Inspect(held []byte, _ bool) flow.GateAnswer {
	if a.Pass < 0 {
		return flow.GateAnswer{Pass: len(held)}
	}
	return flow.GateAnswer(*a)
}

// TestGateAtOnce has all bytes pass at once: they are not copied, and nothing is allocated.
func TestGateAtOnce(t *testing.T) {
	buf := make([]byte, bufferSize)
	for name, a := range map[string]*answers{"all pass": {Pass: -1}, "done": {Done: true}} {
		g := newGating(nil)
		if g != nil {
			t.Fatal("a session without a gate has something to do with one")
		}
		g = newGating(a)
		allocations := testing.AllocsPerRun(100, func() {
			g.gate = a
			pass := g.sift(buf, 100, false).pass
			if len(pass) != 100 || &pass[0] != &buf[0] || g.held != nil || g.refused != nil {
				t.Fatalf("%s: %d bytes pass, %d held, %v", name, len(pass), len(g.held), g.refused)
			}
		})
		if allocations > 0 {
			t.Errorf("%s: %v allocations", name, allocations)
		}
	}
}

// some is a gate that takes, and lets pass, as much as its caller wants.
type some struct {
	take, pass int
	held       []byte // a copy of what it was asked about
}

func (s *some) Inspect(held []byte, _ bool) flow.GateAnswer {
	s.held = bytes.Clone(held)
	s.take = min(s.take, len(held))
	s.pass = min(s.pass, len(held)-s.take)
	return flow.GateAnswer{Take: s.take, Pass: s.pass}
}

// TestSift compares what is held, what is taken and what passes with one plain stream.
func TestSift(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gate := &some{}
		g := newGating(gate)
		buf := make([]byte, bufferSize)
		var held []byte
		next := byte(0)
		t.Repeat(map[string]func(*rapid.T){"read": func(t *rapid.T) {
			if g.refused != nil {
				return // nothing more is asked
			}
			room := g.room()
			if room != flow.GateMax-len(held) {
				t.Fatalf("room for %d bytes, %d are held", room, len(held))
			}
			n := min(room, rapid.OneOf(rapid.IntRange(1, 50), rapid.IntRange(1, bufferSize)).Draw(t, "bytes"))
			for i := range buf[:n] {
				buf[i] = next
				next = next*7 + 3
			}
			held = append(held, buf[:n]...)
			some := rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 50), rapid.IntRange(0, bufferSize))
			gate.take, gate.pass = some.Draw(t, "takes"), some.Draw(t, "passes")
			x := g.sift(buf, n, false)
			if !bytes.Equal(gate.held, held) {
				t.Fatalf("asked about %d bytes, want %d, or others", len(gate.held), len(held))
			}
			if refuse := gate.take+gate.pass == 0 && len(held) == flow.GateMax; refuse != (g.refused != nil) {
				t.Fatalf("%d bytes are held, refused: %v", len(held), g.refused)
			} else if refuse {
				return
			}
			gone := gate.take + gate.pass
			if x.taken != gate.take || !bytes.Equal(x.pass, held[gate.take:gone]) || !bytes.Equal(g.held, held[gone:]) {
				t.Fatalf("%d bytes are taken, %d pass, %d are held; want %d, %d and %d, or others",
					x.taken, len(x.pass), len(g.held), gate.take, gate.pass, len(held)-gone)
			}
			held = held[gone:]
			if len(held) == 0 && cap(g.held) > 0 {
				t.Fatal("keeps memory for nothing")
			}
		}})
	})
}
