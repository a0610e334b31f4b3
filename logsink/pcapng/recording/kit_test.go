package recording_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

// began is when the tests' recordings begin.
func began() time.Time { return time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC) }

// The flags that the tests set.
const (
	fin = 1
	syn = 2
	rst = 4
	psh = 8
	ack = 16
)

// file is a recording in the making. Each packet is a millisecond behind the one before.
type file struct {
	b    []byte
	at   time.Time
	link block.Link
}

func newFile(link block.Link, interfaces ...string) *file {
	f := &file{b: block.AppendSection(nil, &block.Section{Application: "lodoor test", Comment: "made by hand"}), at: began(), link: link}
	for _, name := range interfaces {
		f.b = block.AppendInterface(f.b, &block.Interface{Link: link, Name: name})
	}
	return f
}

// relayed is a recording of the relay's kind.
func relayed() *file { return newFile(block.LinkRaw, "db front", "db back") }

// seg is a segment as the tests write it: of length bytes, of which payload was kept.
type seg struct {
	on       uint32
	from, to netip.AddrPort
	seq, ack uint32
	flags    uint8
	payload  []byte
	missing  int
	comments []string
	pad      string // behind the packet, in its frame
}

func (f *file) add(s seg) {
	data := packet(&s, f.link)
	f.b = block.AppendPacket(f.b, &block.Packet{
		Interface: s.on, At: f.at, Data: data, Length: uint32(len(data) + s.missing), Comments: s.comments,
	})
	f.at = f.at.Add(time.Millisecond)
}

// packet builds the headers by hand.
func packet(s *seg, link block.Link) []byte {
	be := binary.BigEndian
	tcp := make([]byte, 20, 20+len(s.payload))
	be.PutUint16(tcp, s.from.Port())
	be.PutUint16(tcp[2:], s.to.Port())
	be.PutUint32(tcp[4:], s.seq)
	be.PutUint32(tcp[8:], s.ack)
	tcp[12], tcp[13] = 5<<4, s.flags
	be.PutUint16(tcp[14:], 0xffff)
	tcp = append(tcp, s.payload...)
	ip, kind := ipHeader(s, len(tcp)+s.missing)
	if s.missing == 0 {
		be.PutUint16(tcp[16:], checksum(ip, tcp))
	}
	b := append(ip, tcp...)
	if link == block.LinkEthernet {
		b = append(append(be.AppendUint16(make([]byte, 12), kind), b...), s.pad...)
	}
	return b
}

func ipHeader(s *seg, length int) (b []byte, kind uint16) {
	be := binary.BigEndian
	if s.from.Addr().Is4() {
		b = make([]byte, 20)
		b[0], b[8], b[9] = 0x45, 64, 6
		be.PutUint16(b[2:], uint16(length+20))
		copy(b[12:], s.from.Addr().AsSlice())
		copy(b[16:], s.to.Addr().AsSlice())
		be.PutUint16(b[10:], ^add16(b))
		return b, 0x0800
	}
	b = make([]byte, 40)
	b[0], b[6], b[7] = 0x60, 6, 64
	be.PutUint16(b[4:], uint16(length))
	copy(b[8:], s.from.Addr().AsSlice())
	copy(b[24:], s.to.Addr().AsSlice())
	return b, 0x86dd
}

// checksum is RFC 9293's, summed as plainly as can be.
func checksum(ip, tcp []byte) uint16 {
	addresses := ip[len(ip)-8:]
	if len(ip) == 40 {
		addresses = ip[8:]
	}
	all := append(bytes.Clone(addresses), 0, 6, byte(len(tcp)>>8), byte(len(tcp)))
	return ^add16(append(all, tcp...))
}

func add16(b []byte) uint16 {
	total := uint32(0)
	for i, c := range b {
		if i%2 == 0 {
			total += uint32(c) << 8
		} else {
			total += uint32(c)
		}
	}
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return uint16(total)
}

// conn writes a connection as the relay's recorder does: everything in order.
type conn struct {
	f        *file
	on       uint32
	ends     [2]netip.AddrPort // by flow.Direction, its sender
	next     [2]uint32
	comments []string // of the first packet
}

func (c *conn) send(d flow.Direction, flags uint8, payload []byte, missing int, comments ...string) {
	s := seg{
		on: c.on, from: c.ends[d], to: c.ends[1-d], seq: c.next[d], ack: c.next[1-d], flags: flags, payload: payload,
		missing: missing, comments: append(c.comments, comments...),
	}
	if flags&ack == 0 {
		s.ack = 0
	}
	c.comments = nil
	c.f.add(s)
	c.next[d] += uint32(len(payload) + missing)
	if flags&(syn|fin) != 0 {
		c.next[d]++
	}
}

func (c *conn) open() {
	c.send(flow.FromClient, syn, nil, 0)
	c.send(flow.FromBackend, syn|ack, nil, 0)
	c.send(flow.FromClient, ack, nil, 0)
}

func (c *conn) data(d flow.Direction, payload []byte, missing int, comments ...string) {
	c.send(d, psh|ack, payload, missing, comments...)
}

func (c *conn) shut(d flow.Direction) {
	c.send(d, fin|ack, nil, 0)
	c.send(1-d, ack, nil, 0)
}

func addr(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

// front is the client's connection of session n, back that to the backend.
func (f *file) front(n int, id string) *conn {
	c := block.Comment{Session: id, Service: "db", Verdict: "allow"}
	return &conn{
		f: f, ends: [2]netip.AddrPort{netip.AddrPortFrom(addr("127.0.0.1:1").Addr(), uint16(40000+n)), addr("127.0.0.1:62893")},
		next: [2]uint32{uint32(n) << 20, 0xfffffff0}, comments: []string{c.String()},
	}
}

func (f *file) back(n int, id string) *conn {
	c := block.Comment{Session: id}
	return &conn{
		f: f, on: 1, ends: [2]netip.AddrPort{netip.AddrPortFrom(addr("[::1]:1").Addr(), uint16(50000+n)), addr("[::1]:5432")},
		next: [2]uint32{7, 9}, comments: []string{c.String()},
	}
}

// read reads a recording to its end, and writes down what is told: session, what, and the rest where there is some.
func read(t testing.TB, in []byte, o recording.Options) (told []string, err error) {
	t.Helper()
	r, err := recording.New(bytes.NewReader(in), "test", o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	for {
		e, err := r.Next()
		if err != nil {
			return told, err
		}
		told = append(told, line(&e))
	}
}

func line(e *recording.Event) string {
	text := fmt.Sprintf("%s %s", e.Session.Name(), e.Kind)
	if e.Kind == recording.Data || e.Kind == recording.Shut || e.Kind == recording.Reset {
		text += " " + map[flow.Direction]string{flow.FromClient: ">", flow.FromBackend: "<"}[e.Direction]
		if e.Leg == recording.LegBack {
			text += " back"
		}
	}
	if len(e.Payload) > 0 {
		text += " " + string(e.Payload)
	}
	if e.Missing > 0 {
		text += fmt.Sprintf(" +%d %s", e.Missing, e.Why)
	}
	if e.Unfinished {
		text += " unfinished"
	}
	return text
}

// whole is what is told of a recording that is whole.
func whole(t testing.TB, in []byte, o recording.Options) []string {
	t.Helper()
	told, err := read(t, in, o)
	if !errors.Is(err, io.EOF) {
		t.Fatalf("error %v, want the end", err)
	}
	return told
}

type flowAddr = netip.AddrPort

// flowAddrFrom is a client's address of its own.
func flowAddrFrom(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, byte(n >> 16), byte(n >> 8), byte(n)}), 40000)
}

func sameAddr(a, b netip.AddrPort) bool { return a == b }
func sameTime(a, b time.Time) bool      { return a.Equal(b) }
