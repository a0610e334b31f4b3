package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// stream is one direction of a recorded connection.
type stream struct {
	digest hash.Hash
	next   uint32 // sequence number
	size   uint64
	holes  uint64 // bytes that are not kept
	want   []byte // the bytes are compared with these when they are known
}

// exchange is a recorded connection: what came from the side that opened it, and what came back.
type exchange [2]stream

// exchanges are those of recordings, in the order in which the recordings were finished.
type exchanges map[connection][]*exchange

// exchangesOf reads recordings with gopacket alone, and follows their sequence numbers. What clients sent is compared
// with sent when it is known.
func exchangesOf(t *testing.T, sent []byte, files ...string) exchanges {
	t.Helper()
	all := make(exchanges)
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		all.read(t, f, sent)
		_ = f.Close()
	}
	return all
}

// read adds what is in a recording. A connection whose port comes again is another.
func (all exchanges) read(t *testing.T, in io.Reader, sent []byte) {
	t.Helper()
	r, err := pcapgo.NewNgReader(in, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		tcp, ok := gopacket.NewPacket(data, layers.LayerTypeIPv4, gopacket.Lazy).Layer(layers.LayerTypeTCP).(*layers.TCP)
		if !ok {
			t.Fatal("a packet without TCP")
		}
		c, way := connection{info.InterfaceIndex, uint16(tcp.SrcPort)}, 0
		if tcp.SYN && !tcp.ACK {
			all[c] = append(all[c], &exchange{{digest: sha256.New(), want: sent}, {digest: sha256.New()}})
		}
		if all[c] == nil {
			c.port, way = uint16(tcp.DstPort), 1
		}
		if len(all[c]) == 0 {
			t.Fatalf("port %d: a packet of a connection that nobody opened", c.port)
		}
		all[c][len(all[c])-1][way].add(t, tcp, uint64(info.Length-info.CaptureLength))
	}
}

func (s *stream) add(t *testing.T, tcp *layers.TCP, missing uint64) {
	t.Helper()
	kept := uint64(len(tcp.Payload))
	size := kept + missing
	switch {
	case tcp.SYN:
		s.next = tcp.Seq + 1
		return
	case size > 0 && tcp.Seq != s.next:
		t.Fatalf("sequence number %d, expected %d", tcp.Seq, s.next)
	case s.want != nil && !bytes.Equal(tcp.Payload, s.want[s.size:s.size+kept]):
		t.Fatalf("recorded bytes at %d are not those that were sent", s.size)
	}
	s.digest.Write(tcp.Payload)
	s.next += uint32(size)
	s.size, s.holes = s.size+size, s.holes+missing
}
