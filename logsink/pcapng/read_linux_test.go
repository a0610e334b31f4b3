package pcapng_test

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// packet is one that gopacket read.
type packet struct {
	leg      int
	at       time.Time
	from, to netip.AddrPort
	tcp      *layers.TCP
	length   int // of the payload, kept or not
}

func (p *packet) kept() []byte { return p.tcp.Payload }

// read returns a recording's packets; it must end with a whole block.
func read(t testing.TB, path string) []packet {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	packets, err := readFrom(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return packets
}

func readFrom(in io.Reader) ([]packet, error) {
	r, err := pcapgo.NewNgReader(in, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		return nil, err
	}
	var packets []packet
	for {
		data, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return packets, nil
		}
		if err != nil {
			return packets, err
		}
		packets = append(packets, parse(data, info))
	}
}

func parse(data []byte, info gopacket.CaptureInfo) packet {
	decoded := gopacket.NewPacket(data, layers.LinkTypeRaw, gopacket.NoCopy)
	p := packet{leg: info.InterfaceIndex, at: info.Timestamp, tcp: decoded.Layer(layers.LayerTypeTCP).(*layers.TCP)}
	headers := len(data) - len(p.tcp.Payload)
	p.length = info.Length - headers
	from, to := decoded.NetworkLayer().NetworkFlow().Endpoints()
	p.from, p.to = addrPort(from, p.tcp.SrcPort), addrPort(to, p.tcp.DstPort)
	return p
}

func addrPort(e gopacket.Endpoint, port layers.TCPPort) netip.AddrPort {
	a, _ := netip.AddrFromSlice(e.Raw())
	return netip.AddrPortFrom(a, uint16(port))
}

// way is one direction of one session.
type way struct{ from, to netip.AddrPort }

// flowing follows a direction through a recording.
type flowing struct {
	next          uint32 // expected sequence number
	kept, skipped uint64
	offset        uint64
	fin, rst      bool
}

// follow checks that every direction's sequence numbers follow each other, that nothing is acknowledged before it was
// sent, and that what was kept is the pattern at its place.
func follow(t testing.TB, packets []packet) map[way]*flowing {
	t.Helper()
	ways := map[way]*flowing{}
	for i, p := range packets {
		w, known := ways[way{p.from, p.to}]
		if !known {
			w = &flowing{next: p.tcp.Seq}
			ways[way{p.from, p.to}] = w
			if !p.tcp.SYN {
				t.Fatalf("packet %d: %v to %v begins without SYN", i, p.from, p.to)
			}
		}
		if p.tcp.Seq != w.next {
			t.Fatalf("packet %d: sequence number %d, want %d", i, p.tcp.Seq, w.next)
		}
		if back := ways[way{p.to, p.from}]; p.tcp.ACK && int32(back.next-p.tcp.Ack) < 0 {
			t.Fatalf("packet %d acknowledges %d, sent is %d", i, p.tcp.Ack, back.next)
		}
		w.take(t, i, &p)
	}
	return ways
}

func (w *flowing) take(t testing.TB, i int, p *packet) {
	t.Helper()
	if n := len(p.kept()); n > 0 {
		if n != p.length {
			t.Fatalf("packet %d: %d of %d bytes", i, n, p.length)
		}
		w.kept += uint64(n)
		if string(p.kept()) != string(pattern(w.offset, n)) {
			t.Fatalf("packet %d: other bytes than were sent at %d", i, w.offset)
		}
	} else {
		w.skipped += uint64(p.length)
	}
	w.offset += uint64(p.length)
	w.next += uint32(p.length)
	if p.tcp.SYN || p.tcp.FIN {
		w.next++
	}
	w.fin, w.rst = w.fin || p.tcp.FIN, w.rst || p.tcp.RST
}

// legOf are the packets of one leg.
func legOf(leg int, packets []packet) (out []packet) {
	for _, p := range packets {
		if p.leg == leg {
			out = append(out, p)
		}
	}
	return out
}

// String is the packet in short: > is from the client or from lodoor, whose ports are not the servers'.
func (p *packet) String() string {
	words := []string{">"}
	if port := p.from.Port(); port == 62893 || port == 5432 || port == 1 {
		words[0] = "<"
	}
	for _, f := range []struct {
		name string
		set  bool
	}{{"SYN", p.tcp.SYN}, {"ACK", p.tcp.ACK}, {"FIN", p.tcp.FIN}, {"RST", p.tcp.RST}, {"PSH", p.tcp.PSH}} {
		if f.set {
			words = append(words, f.name)
		}
	}
	if p.length > 0 {
		words = append(words, strconv.Itoa(p.length))
	}
	if p.length > len(p.kept()) {
		words = append(words, "sliced")
	}
	return strings.Join(words, " ")
}
