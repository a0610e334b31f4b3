package recording_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

// side is what moved in one direction: what was kept, with a point for each byte that was not.
type side struct {
	bytes []byte
	shut  bool
}

// way names a direction of a session's leg.
func way(session string, l recording.Leg, d flow.Direction) string {
	return fmt.Sprintf("%s/%d/%v", session, l, d)
}

// hear gives what a reader tells to each, and checks the order of a session's events.
func hear(in []byte, o recording.Options, each func(recording.Event)) error {
	r, err := recording.New(bytes.NewReader(in), "test", o)
	if err != nil {
		return err
	}
	state := map[*recording.Session]recording.EventKind{}
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		before := state[e.Session]
		if (e.Kind == recording.Opened) != (before == 0) || before == recording.Ended {
			return fmt.Errorf("%v behind %v", e.Kind, before)
		}
		state[e.Session] = e.Kind
		each(e)
	}
}

// heard collects what a reader tells of each session's leg and direction.
func heard(in []byte, o recording.Options) (map[string]*side, error) {
	all := map[string]*side{}
	err := hear(in, o, func(e recording.Event) {
		key := way(e.Session.Name(), e.Leg, e.Direction)
		s := all[key]
		if s == nil {
			s = new(side)
			all[key] = s
		}
		switch e.Kind {
		case recording.Data:
			s.bytes = append(append(s.bytes, e.Payload...), bytes.Repeat([]byte{'.'}, int(e.Missing))...)
		case recording.Shut:
			s.shut = true
		}
	})
	return all, err
}

// TestRandomRelay writes random sessions in a random order, and reads what was written of each.
func TestRandomRelay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := relayed()
		want := map[string]*side{}
		var conns []*conn
		for n := range rapid.IntRange(1, 4).Draw(t, "sessions") {
			id := fmt.Sprint("session", n)
			c, b := f.front(n, id), f.back(n, id)
			if rapid.Bool().Draw(t, "IPv6") {
				c.ends[0] = netip.AddrPortFrom(netip.IPv6Loopback(), c.ends[0].Port())
				c.ends[1] = netip.AddrPortFrom(netip.IPv6Loopback(), 62893)
			}
			c.next[0] = rapid.Uint32().Draw(t, "first number")
			for i, c := range []*conn{c, b} {
				c.open()
				for d := range 2 {
					want[way(id, recording.Leg(i), flow.Direction(d))] = new(side)
				}
				conns = append(conns, c)
			}
		}
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			i := rapid.IntRange(0, len(conns)-1).Draw(t, "connection")
			d := flow.Direction(rapid.IntRange(0, 1).Draw(t, "direction"))
			w := want[way(fmt.Sprint("session", i/2), recording.Leg(i%2), d)]
			switch {
			case w.shut:
			case rapid.IntRange(0, 9).Draw(t, "shut") == 0:
				conns[i].shut(d)
				w.shut = true
			default:
				payload := []byte(rapid.StringMatching(`[a-z]{0,9}`).Draw(t, "payload"))
				missing := max(0, rapid.IntRange(-10, 5).Draw(t, "missing"))
				conns[i].data(d, payload, missing)
				w.bytes = append(append(w.bytes, payload...), bytes.Repeat([]byte{'.'}, missing)...)
			}
		}
		leg := rapid.SampledFrom([]recording.Leg{recording.LegFront, recording.LegBack, recording.LegBoth}).Draw(t, "leg")
		got, err := heard(f.b, recording.Options{Leg: leg})
		if err != nil {
			t.Fatal(err)
		}
		for key, w := range want {
			g := got[key]
			if g == nil {
				g = new(side)
			}
			if leg != recording.LegBoth && !strings.Contains(key, fmt.Sprintf("/%d/", leg)) {
				w = new(side) // nobody asked for it
			}
			if string(g.bytes) != string(w.bytes) || g.shut != w.shut {
				t.Fatalf("%s: %q, shut %v; want %q, %v", key, g.bytes, g.shut, w.bytes, w.shut)
			}
		}
	})
}

// frame is a segment of a direction in the random test of real packets.
type frame struct {
	d       flow.Direction
	offset  int
	payload []byte
	lost    bool
	fin     bool
}

// TestRandomWire sends two directions in segments that come twice, cut anew, out of their order, or not at all. What
// was acknowledged and did not come is told as missing; everything else once, and in order.
func TestRandomWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFile(block.LinkEthernet, "lo")
		c := &conn{f: f, ends: [2]netip.AddrPort{addr("127.0.0.1:40000"), addr("127.0.0.1:5432")}}
		c.next = [2]uint32{rapid.Uint32().Draw(t, "client's"), rapid.Uint32().Draw(t, "server's")}
		c.open()
		first := c.next
		var want [2][]byte
		var frames []frame
		for d := range want {
			frames = append(frames, drawFrames(t, flow.Direction(d), &want[d])...)
		}
		for len(frames) > 0 {
			i := rapid.IntRange(0, min(len(frames)-1, 3)).Draw(t, "which")
			fr := frames[i]
			frames = slices.Delete(frames, i, i+1)
			if fr.lost {
				continue
			}
			flags := uint8(psh | ack)
			if fr.fin {
				flags |= fin
			}
			// Nothing is acknowledged but by the last packets, so that what comes late is not given up before.
			f.add(seg{
				from: c.ends[fr.d], to: c.ends[1-fr.d], seq: first[fr.d] + uint32(fr.offset), ack: first[1-fr.d], flags: flags,
				payload: fr.payload,
			})
		}
		for d := range want {
			f.add(seg{
				from: c.ends[1-d], to: c.ends[d], seq: first[1-d] + uint32(len(want[1-d])), ack: first[d] + uint32(len(want[d])),
				flags: ack,
			})
		}
		got, err := heard(f.b, recording.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for d := range want {
			g := got[way("127.0.0.1:40000-127.0.0.1:5432", recording.LegFront, flow.Direction(d))]
			if g == nil {
				g = new(side)
			}
			if string(g.bytes) != string(want[d]) {
				t.Fatalf("%v: %q, want %q", flow.Direction(d), g.bytes, want[d])
			}
		}
	})
}

// drawFrames cuts a direction into segments, of which some come twice and some not at all; want becomes what a reader
// has to tell, with points for what never came.
func drawFrames(t *rapid.T, d flow.Direction, want *[]byte) (frames []frame) {
	for range rapid.IntRange(0, 8).Draw(t, "segments") {
		payload := []byte(rapid.StringMatching(`[a-z]{1,6}`).Draw(t, "payload"))
		fr := frame{d: d, offset: len(*want), payload: payload, lost: rapid.IntRange(0, 5).Draw(t, "lost") == 0}
		frames = append(frames, fr)
		if fr.lost {
			*want = append(*want, bytes.Repeat([]byte{'.'}, len(payload))...)
			continue
		}
		*want = append(*want, payload...)
		if rapid.IntRange(0, 3).Draw(t, "again") == 0 {
			frames = append(frames, again(t, fr, *want))
		}
	}
	return frames
}

// again is a segment sent anew, with some of what is before it.
func again(t *rapid.T, fr frame, sent []byte) frame {
	end := fr.offset + len(fr.payload)
	from := fr.offset
	for from > 0 && sent[from-1] != '.' && rapid.Bool().Draw(t, "more") {
		from--
	}
	return frame{d: fr.d, offset: from, payload: bytes.Clone(sent[from:end])}
}

// FuzzRead: no bytes make a reader panic, or tell events out of their order. What is missing is only counted: by its
// numbers a single packet may be 2 GiB ahead.
func FuzzRead(f *testing.F) {
	f.Add(two().b)
	f.Add(newFile(block.LinkEthernet, "lo").b)
	for _, ahead := range []uint32{9, 1<<31 - 10} {
		wire := newFile(block.LinkEthernet, "lo")
		c := wire.front(1, "a")
		c.open()
		c.next[0] += ahead
		c.data(client, []byte("early"), 0)
		c.next[0] -= ahead + 5
		c.data(client, []byte("nine byte"), 0)
		c.shut(client)
		f.Add(wire.b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if err := hear(in, recording.Options{Leg: recording.LegBoth}, func(recording.Event) {}); err != nil {
			var format *block.FormatError
			if !errors.As(err, &format) && !errors.Is(err, block.ErrTorn) && !errors.Is(err, recording.ErrForeign) {
				t.Fatal(err)
			}
		}
	})
}
