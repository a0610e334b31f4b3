package pcapng

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/ring"
)

func segmentBetween(from, to string, payload []byte) *segment {
	return &segment{
		from: netip.MustParseAddrPort(from), to: netip.MustParseAddrPort(to), flags: flagACK,
		payload: payload, length: len(payload),
	}
}

// A packet costs no memory, not the largest and not the one with the comment.
func TestPacketsAllocateNothing(t *testing.T) {
	r, err := ring.New(time.Minute, 1<<20) // which costs no memory either
	if err != nil {
		t.Fatal(err)
	}
	f := newFile(track{}, &writer{budget: &budget{}})
	f.ring = r
	payload := make([]byte, keptSegment)
	opening := segmentBetween("[::1]:40000", "[::1]:62893", nil)
	opening.flags = flagSYN
	bulk := segmentBetween("[::1]:40000", "[::1]:62893", payload)
	small := segmentBetween("127.0.0.1:40000", "127.0.0.1:62893", payload[:1])
	write := func(s *segment, comment *block.Comment) {
		if err := f.write(legBack, 1, s, comment); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		write(opening, &block.Comment{Session: "0123456789abcdef", Program: "psql", User: "alice", PID: 4242})
		write(bulk, &block.Comment{})
		write(small, &block.Comment{NotKept: 1, Why: block.WhySlowDisk})
	}); n != 0 {
		t.Errorf("%v allocations for three packets, want none", n)
	}
}

// A block that the buffer was not made for is as whole as any, and so is the next.
func TestPackerGrows(t *testing.T) {
	s := segmentBetween("[::1]:40000", "[::1]:62893", bytes.Repeat([]byte("payload"), 10_000))
	comment := bytes.Repeat([]byte("comment"), 1000)
	p := newPacker()
	for range 3 {
		pieces, err := p.pack(legFront, 1, s, comment)
		if err != nil {
			t.Fatal(err)
		}
		block := bytes.Clone(p.join(pieces))
		packet := block[enhancedHeadLen:]
		if got := packet[ipv6HeaderLen+tcpHeaderLen:][:s.length]; !bytes.Equal(got, s.payload) {
			t.Error("another payload")
		}
		tail := packet[ipv6HeaderLen+tcpHeaderLen+s.length:]
		want := (&enhanced{comment: comment}).appendTail(nil, len(packet)-len(tail))
		if !bytes.Equal(tail, want) || !bytes.Contains(tail, comment) {
			t.Errorf("the block ends with %q", tail)
		}
		if pieces, err = p.pack(legFront, 1, segmentBetween("[::1]:1", "[::1]:2", nil), nil); err != nil || len(p.join(pieces)) != 92 {
			t.Errorf("a packet without payload is a block of %d bytes, %v", len(p.join(pieces)), err)
		}
	}
}

func TestLayerTypes(t *testing.T) {
	for ours, theirs := range map[gopacket.SerializableLayer]gopacket.LayerType{
		(*ipv4)(nil): layers.LayerTypeIPv4, (*ipv6)(nil): layers.LayerTypeIPv6, (*tcp)(nil): layers.LayerTypeTCP,
	} {
		if got := ours.LayerType(); got != theirs {
			t.Errorf("%T says it is %v, want %v", ours, got, theirs)
		}
	}
	if layers.LinkType(block.LinkRaw) != layers.LinkTypeRaw {
		t.Errorf("link type %d, want %d", block.LinkRaw, layers.LinkTypeRaw)
	}
}
