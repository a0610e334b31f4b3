package capture_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng/capture"
)

// segment is a packet's TCP header, as far as a test reads it, and payload.
type segment struct {
	sequence uint32
	syn, fin bool
	payload  []byte
}

func parse(t testing.TB, data []byte) segment {
	t.Helper()
	header := 40
	if data[0]>>4 == 4 {
		header = int(data[0]&15) * 4
	}
	tcp := data[header:]
	return segment{
		sequence: binary.BigEndian.Uint32(tcp[4:]), syn: tcp[13]&2 != 0, fin: tcp[13]&1 != 0,
		payload: tcp[int(tcp[12]>>4)*4:],
	}
}

// stream is what the packets from one end to another carried. It holds together, and there is one SYN, since nothing is
// seen twice. Data that TCP sent again is real: a receiver on lo, too, may have no room for a packet.
func stream(t testing.TB, packets []capture.Packet, from, to netip.AddrPort) []byte {
	t.Helper()
	var all []byte
	var have []bool
	var begin uint32
	syns := 0
	for _, p := range packets {
		if p.Source != from || p.Destination != to {
			continue
		}
		s := parse(t, p.Data)
		if s.syn {
			syns++
			begin = s.sequence + 1
		}
		if len(s.payload) == 0 {
			continue
		}
		at := int(s.sequence - begin)
		if missing := at + len(s.payload) - len(all); missing > 0 {
			all, have = append(all, make([]byte, missing)...), append(have, make([]bool, missing)...)
		}
		copy(all[at:], s.payload)
		for i := range s.payload {
			have[at+i] = true
		}
	}
	if i := slices.Index(have, false); i >= 0 {
		t.Errorf("%v to %v: byte %d of %d is missing", from, to, i, len(all))
	}
	if syns != 1 {
		t.Errorf("%v to %v: %d SYN, want one", from, to, syns)
	}
	return all
}

func noise(n int) []byte {
	random := rand.NewChaCha8([32]byte{7})
	b := make([]byte, n)
	_, _ = random.Read(b) // never fails
	return b
}

// Both address families, and packets as large as lo makes them: what the ends said is there, once, in order.
func TestPackets(t *testing.T) {
	const port = 5432
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		t.Run(host, func(t *testing.T) {
			end := netip.MustParseAddrPort(fmt.Sprintf("%s:%d", host, port))
			// All of it has room, however late it is read.
			r := newRig(t, capture.Config{Ends: []netip.AddrPort{end}, Memory: 64 << 20})
			r.echo(end.String())
			other := r.echo(fmt.Sprintf("%s:%d", host, port+1))
			r.run()
			before := time.Now()
			text := noise(8 << 20)
			client := r.talk(end, text)
			r.talk(other, text)
			packets := r.stop()

			if !bytes.Equal(stream(t, packets, client, end), text) || !bytes.Equal(stream(t, packets, end, client), text) {
				t.Error("the packets carry something else than what was sent")
			}
			largest := 0
			for _, p := range packets {
				if p.End != end || p.FromEnd != (p.Source == end) {
					t.Fatalf("%v to %v is of %v, from it: %v", p.Source, p.Destination, p.End, p.FromEnd)
				}
				if p.At.Before(before) || p.At.After(time.Now()) {
					t.Errorf("a packet came at %v", p.At)
				}
				if p.Length != len(p.Data) {
					t.Errorf("%d of %d bytes were kept", len(p.Data), p.Length)
				}
				largest = max(largest, p.Length)
			}
			if largest < 40_000 {
				t.Errorf("the largest packet has %d bytes; this was to be about large ones", largest)
			}
			if got := r.stats(); got.Dropped != 0 || got.Received != uint64(len(packets)) {
				t.Errorf("%+v, given %d", got, len(packets))
			}
		})
	}
}

// Every connection is seen, and nothing twice.
func TestManyConnections(t *testing.T) {
	end := netip.MustParseAddrPort("127.0.0.1:5432")
	r := newRig(t, capture.Config{Ends: []netip.AddrPort{end}})
	r.echo(end.String())
	r.run()
	clients := map[netip.AddrPort]int{}
	for range 1000 {
		clients[r.talk(end, []byte("hello"))] = 0
	}
	for _, p := range r.stop() {
		if s := parse(t, p.Data); s.syn && !p.FromEnd {
			clients[p.Source]++
		}
	}
	if len(clients) != 1000 {
		t.Fatalf("%d addresses, want 1000", len(clients))
	}
	for client, syns := range clients {
		if syns != 1 {
			t.Errorf("%v: %d SYN, want one", client, syns)
		}
	}
}

// The port of an end at another address is somebody else's; an unspecified address is all of them.
func TestEnds(t *testing.T) {
	first, second := netip.MustParseAddrPort("127.0.0.1:5432"), netip.MustParseAddrPort("127.0.0.2:5432")
	every, six := netip.MustParseAddrPort("0.0.0.0:5432"), netip.MustParseAddrPort("[::ffff:127.0.0.1]:5432")
	for _, tc := range []struct {
		name string
		ends []netip.AddrPort
		want []netip.AddrPort // the ends that connections to the first and to the second belong to; nothing is not captured
	}{
		{"one", []netip.AddrPort{first}, []netip.AddrPort{first, {}}},
		{"both", []netip.AddrPort{second, first}, []netip.AddrPort{first, second}},
		{"every", []netip.AddrPort{every}, []netip.AddrPort{every, every}},
		{"the first that fits", []netip.AddrPort{second, every}, []netip.AddrPort{every, second}},
		{"mapped", []netip.AddrPort{six}, []netip.AddrPort{first, {}}},
		{"none", nil, []netip.AddrPort{{}, {}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, capture.Config{})
			if err := r.capture.Watch(tc.ends); err != nil {
				t.Fatal(err)
			}
			r.run()
			for _, to := range []netip.AddrPort{first, second} {
				r.echo(to.String())
				r.talk(to, []byte("hello"))
			}
			got := make([]netip.AddrPort, 2)
			for _, p := range r.stop() {
				for i, to := range []netip.AddrPort{first, second} {
					if p.Source == to || p.Destination == to {
						got[i] = p.End
					}
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("captured %v, want %v", got, tc.want)
			}
		})
	}
}

// So many ports that the kernel cannot look for them.
func TestManyEnds(t *testing.T) {
	for _, n := range []int{512, 513, 3000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var ends []netip.AddrPort
			for i := range n {
				ends = append(ends, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(20_000+i)))
			}
			r := newRig(t, capture.Config{Ends: ends})
			r.run()
			in, out := r.echo(ends[n-1].String()), r.echo("127.0.0.1:5432")
			client := r.talk(in, []byte("hello"))
			r.talk(out, []byte("hello"))
			packets := r.stop()
			if got := stream(t, packets, client, in); string(got) != "hello" {
				t.Errorf("captured %q", got)
			}
			for _, p := range packets {
				if p.End != in {
					t.Errorf("%v to %v was captured for %v", p.Source, p.Destination, p.End)
				}
			}
		})
	}
}

func TestSnap(t *testing.T) {
	end := netip.MustParseAddrPort("[::1]:5432")
	r := newRig(t, capture.Config{Ends: []netip.AddrPort{end}, Snap: 100})
	r.echo(end.String())
	r.run()
	r.talk(end, noise(100_000))
	cut := 0
	for _, p := range r.stop() {
		if len(p.Data) != min(p.Length, 100) {
			t.Errorf("%d of %d bytes were kept", len(p.Data), p.Length)
		}
		if length := int(binary.BigEndian.Uint16(p.Data[4:])) + 40; length != p.Length { // RFC 8200, 3: the payload's length
			t.Errorf("a packet of %d bytes is told as one of %d", length, p.Length)
		}
		if len(p.Data) < p.Length {
			cut++
		}
	}
	if cut == 0 {
		t.Error("no packet was cut")
	}
}

// What passes while nobody reads waits, as far as there is room; the rest is counted.
func TestNoRoom(t *testing.T) {
	end := netip.MustParseAddrPort("127.0.0.1:5432")
	r := newRig(t, capture.Config{Ends: []netip.AddrPort{end}, Memory: 1})
	r.echo(end.String())
	r.talk(end, noise(8<<20))
	before := r.stats()
	if before.Dropped == 0 || before.Received != 0 {
		t.Errorf("before it was read: %+v", before)
	}
	r.run()
	testkit.Wait(t, "what waits", func() bool { return r.stats().Received > 0 }, patience)
	packets := r.stop()
	if s := parse(t, packets[0].Data); !s.syn {
		t.Error("the first packet is not the first that passed")
	}
	if got := r.stats(); got.Dropped != before.Dropped || got.Received != uint64(len(packets)) {
		t.Errorf("%+v, want %d dropped and %d received", got, before.Dropped, len(packets))
	}
	r.run() // there is room again
	client := r.talk(end, []byte("hello"))
	if got := stream(t, r.stop(), client, end); string(got) != "hello" {
		t.Errorf("afterwards captured %q", got)
	}
}

// All that has passed before the end is given.
func TestEndLosesNothing(t *testing.T) {
	end := netip.MustParseAddrPort("127.0.0.1:5432")
	r := newRig(t, capture.Config{Ends: []netip.AddrPort{end}})
	r.echo(end.String())
	for range 5 {
		r.run()
		client := r.talk(end, []byte("the last words"))
		if got := stream(t, r.stop(), client, end); string(got) != "the last words" {
			t.Errorf("captured %q", got)
		}
	}
}

// Neither is anything lost when its reader is slower than the end is patient.
func TestEndOfSlowReader(t *testing.T) {
	end := netip.MustParseAddrPort("127.0.0.1:5432")
	r := newRig(t, capture.Config{Ends: []netip.AddrPort{end}})
	r.echo(end.String())
	text := noise(2 << 20) // several blocks
	client := r.talk(end, text)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var packets []capture.Packet
	err := r.capture.Run(ctx, func(p capture.Packet) {
		if len(packets) == 0 {
			cancel()
			<-time.After(300 * time.Millisecond) // a disk, say
		}
		p.Data = bytes.Clone(p.Data)
		packets = append(packets, p)
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stream(t, packets, client, end), text) {
		t.Error("the packets carry something else than what was sent")
	}
}
