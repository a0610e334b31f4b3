package proxyproto

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pires "github.com/pires/go-proxyproto"
	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

// zoneOf are the zones of a host with docker0, a tunnel and a public network of its own.
func zoneOf(a netip.Addr) flow.Zone {
	in := func(network string) bool { return netip.MustParsePrefix(network).Contains(a) }
	switch {
	case a.IsLoopback():
		return flow.ZoneLoopback
	case a == netip.MustParseAddr("192.168.1.10"):
		return flow.ZoneSelf
	case in("172.17.0.0/16"):
		return flow.ZoneContainer
	case in("10.8.0.0/24"), in("198.51.100.0/24"):
		return flow.ZoneVPN
	case a.IsLinkLocalUnicast():
		return flow.ZoneLinkLocal
	case a.IsPrivate(), in("203.0.113.0/24"): // which is directly connected
		return flow.ZoneLAN
	}
	return flow.ZonePublic
}

func reader(t testing.TB, f From) *Reader {
	t.Helper()
	r, err := New(Config{Settings: Settings{From: f}, Zone: zoneOf, LookupUser: func(name string) (uint32, error) {
		if uid, ok := map[string]uint32{"haproxy": 101, "www": 33}[name]; ok {
			return uid, nil
		}
		return 0, errors.New("no such user")
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func anyReader(t testing.TB) *Reader { return reader(t, From{Zones: []flow.Zone{flow.ZoneLoopback}}) }

// local is a peer that is proven to be on this host, remote one that is not.
func local() *flow.Peer {
	return &flow.Peer{Addr: netip.MustParseAddrPort("127.0.0.1:4000"), Zone: flow.ZoneLoopback, Proof: flow.ProofSocket}
}

func remote() *flow.Peer {
	return &flow.Peer{Addr: netip.MustParseAddrPort("192.168.1.9:4000"), Zone: flow.ZoneLAN}
}

// v2 makes a binary header: the 13th and 14th byte, and what is behind the length.
func v2(command, family byte, block ...string) string {
	b := []byte(signatureV2)
	body := strings.Join(block, "")
	b = append(b, command, family)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	return string(b) + body
}

// tlv makes an extension.
func tlv(kind byte, value string) string {
	return string(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(value)))) + value
}

// sealed fills in the checksum of a header whose last extension is one.
func sealed(header string) string {
	b := []byte(header)
	binary.BigEndian.PutUint32(b[len(b)-4:], checksum(b, len(b)-4))
	return string(b)
}

const (
	four = "\xc0\x00\x02\x07\x0a\x00\x00\x01\x1f\x90\x00\x50"                                                                                                           // 192.0.2.7:8080 to 10.0.0.1:80
	six  = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x0a\x00\x00\x01" + "\x1f\x90\x00\x50" // 2001:db8::7 to ::ffff:10.0.0.1
)

// valid are whole headers and whom they convey; empty is nobody.
func valid() map[string]string {
	return map[string]string{
		"PROXY TCP4 192.0.2.7 10.0.0.1 8080 80\r\n":                                   "192.0.2.7:8080 10.0.0.1:80",
		"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n":                  "255.255.255.255:65535 255.255.255.255:65535",
		"PROXY TCP4 1.1.1.1 2.2.2.2 0 0\r\n":                                          "1.1.1.1:0 2.2.2.2:0",
		"PROXY TCP6 2001:db8::7 ::1 8080 80\r\n":                                      "[2001:db8::7]:8080 [::1]:80",
		"PROXY TCP6 :: :: 1 1\r\n":                                                    "[::]:1 [::]:1",
		"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:10.0.0.1 8080 80\r\n":                     "192.0.2.7:8080 10.0.0.1:80",
		"PROXY UNKNOWN\r\n":                                                           "",
		"PROXY UNKNOWN 1.2.3.4 anything at all\r\n":                                   "",
		"PROXY UNKNOWN " + strings.Repeat("f", 91) + "\r\n":                           "",
		v2(0x21, 0x11, four):                                                          "192.0.2.7:8080 10.0.0.1:80",
		v2(0x21, 0x21, six):                                                           "[2001:db8::7]:8080 10.0.0.1:80",
		v2(0x21, 0x11, four, tlv(0x04, ""), tlv(0x05, "unique"), tlv(0xee, "\x00")):   "192.0.2.7:8080 10.0.0.1:80",
		v2(0x21, 0x11, four, tlv(0x20, strings.Repeat("c", 4000))):                    "192.0.2.7:8080 10.0.0.1:80",
		sealed(v2(0x21, 0x21, six, tlv(0x02, "host"), tlv(0x03, "\xff\xff\xff\xff"))): "[2001:db8::7]:8080 10.0.0.1:80",
		v2(0x21, 0x31, strings.Repeat("\x00", 216)):                                   "",
		v2(0x21, 0x00):                      "",
		v2(0x21, 0x00, tlv(0x05, "unique")): "",
		v2(0x20, 0x00):                      "",
		v2(0x20, 0x11, four):                "",
		v2(0x20, 0x11):                      "",
		v2(0x20, 0x77, "anything"):          "",
	}
}

func told(c *flow.Conveyed) string {
	if c == nil {
		return ""
	}
	return c.Client.String() + " " + c.Server.String()
}

// A header is read for what it is, whatever is behind it; each beginning of one needs more, and Missing never asks for
// what is behind it.
func TestValid(t *testing.T) {
	r := anyReader(t)
	for header, want := range valid() {
		for _, behind := range []string{"", "x", "\r\n", header} {
			n, c, err := r.Parse([]byte(header+behind), local())
			if err != nil || n != len(header) || told(c) != want {
				t.Errorf("%q and %q: %d, %q, %v; want %d, %q", header, behind, n, told(c), err, len(header), want)
			}
		}
		for i := range len(header) {
			if n, c, err := r.Parse([]byte(header[:i]), local()); n != 0 || c != nil || err != nil {
				t.Errorf("%q: %d, %+v, %v", header[:i], n, c, err)
			}
			if m := r.Missing([]byte(header[:i])); m < 1 || i+m > len(header) {
				t.Errorf("%q: %d are missing of %d", header[:i], m, len(header)-i)
			}
		}
	}
}

func TestInvalid(t *testing.T) {
	r := anyReader(t)
	for _, tc := range []struct{ name, sent, want string }{
		{"a client of the backend", "GET / HTTP/1.1\r\n", `no PROXY header, but "GET / HTTP/1.1\r\n"`},
		{"a byte", "\x00", "no PROXY header"},
		{"lower case", "proxy TCP4", "no PROXY header"},
		{"PROXY and a tab", "PROXY\tTCP4", "no PROXY header"},
		{"not QUIT", "\r\n\r\n\x00\r\nQUITT", "no PROXY header"},
		{"colour", "\x1b[31m" + strings.Repeat("x", 100), `"\x1b[31mxxx`},
		{"no family", "PROXY \r\n", "expected TCP4"},
		{"UDP4", "PROXY UDP4 1.1.1.1 2.2.2.2 1 1\r\n", "expected TCP4"},
		{"UNKNOWN glued", "PROXY UNKNOWNX\r\n", "expected TCP4"},
		{"three words", "PROXY TCP4 1.1.1.1\r\n", "two addresses and two ports"},
		{"seven words", "PROXY TCP4 1.1.1.1 2.2.2.2 1 1 1\r\n", "two addresses and two ports"},
		{"two spaces", "PROXY TCP4  1.1.1.1 2.2.2.2 1 1\r\n", "two addresses and two ports"},
		{"space at the end", "PROXY TCP4 1.1.1.1 2.2.2.2 1 1 \r\n", "two addresses and two ports"},
		{"IPv6 as TCP4", "PROXY TCP4 ::1 2.2.2.2 1 1\r\n", "an address of TCP4"},
		{"mapped as TCP4", "PROXY TCP4 ::ffff:1.1.1.1 2.2.2.2 1 1\r\n", "an address of TCP4"},
		{"IPv4 as TCP6", "PROXY TCP6 1.1.1.1 ::1 1 1\r\n", "an address of TCP6"},
		{"zone", "PROXY TCP6 fe80::1%lo ::1 1 1\r\n", "an address of TCP6"},
		{"leading zero in an address", "PROXY TCP4 01.1.1.1 2.2.2.2 1 1\r\n", "an address of TCP4"},
		{"name", "PROXY TCP4 localhost 2.2.2.2 1 1\r\n", "an address of TCP4"},
		{"port too large", "PROXY TCP4 1.1.1.1 2.2.2.2 65536 1\r\n", "a port from 0"},
		{"leading zero in a port", "PROXY TCP4 1.1.1.1 2.2.2.2 080 1\r\n", "a port from 0"},
		{"port with a sign", "PROXY TCP4 1.1.1.1 2.2.2.2 +80 1\r\n", "a port from 0"},
		{"port empty", "PROXY TCP4 1.1.1.1 2.2.2.2  \r\n", "a port from 0"},
		{"LF alone", "PROXY TCP4 1.1.1.1 2.2.2.2 1 1\n", "does not end with CR LF"},
		{"CR within", "PROXY TCP4 1.1.1.1 2.2.2.2 1 1\r\r\n", "a port from 0"},
		{"too long", "PROXY UNKNOWN " + strings.Repeat("f", 92) + "\r\n", "more than 107 bytes"},
		{"endless", "PROXY " + strings.Repeat("f", 500), "more than 107 bytes"},
		{"version 1 in binary", v2(0x11, 0x11, four), "version or command 0x11"},
		{"version 3", v2(0x31, 0x11, four), "version or command 0x31"},
		{"unknown command", v2(0x22, 0x11, four), "version or command 0x22"},
		{"UDP", v2(0x21, 0x12, four), "family and transport"},
		{"unspecified transport", v2(0x21, 0x10, four), "family and transport"},
		{"unspecified family", v2(0x21, 0x01, four), "family and transport"},
		{"unknown family", v2(0x21, 0x41, four), "family and transport"},
		{"addresses cut off", v2(0x21, 0x11, four[:11]), "11 bytes for addresses that need 12"},
		{"IPv6 cut off", v2(0x21, 0x21, four), "12 bytes for addresses that need 36"},
		{"Unix cut off", v2(0x21, 0x31, four), "12 bytes for addresses that need 216"},
		{"extension cut off", v2(0x21, 0x11, four, "\x05\x00"), "an extension is cut off"},
		{"extension longer than the header", v2(0x21, 0x11, four, "\x05\x00\x02x"), "an extension is cut off"},
		{"checksum wrong", v2(0x21, 0x11, four, tlv(0x03, "\x00\x00\x00\x00")), "the checksum is wrong"},
		{"checksum short", v2(0x21, 0x11, four, tlv(0x03, "\x00")), "the checksum has not four bytes"},
		{"too long, version 2", v2(0x21, 0x11, four, tlv(0x20, strings.Repeat("c", 4090))), "a PROXY header of 4121 bytes; lodoor takes 4112"},
		{"64 KB", v2(0x20, 0x00)[:14] + "\xff\xff", "of 65551 bytes"},
	} {
		n, c, err := r.Parse([]byte(tc.sent), local())
		if err == nil || n != 0 || c != nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %d, %+v, %v; want %s", tc.name, n, c, err, tc.want)
			continue
		}
		if len(err.Error()) > 400 || strings.ContainsFunc(strings.ReplaceAll(err.Error(), "\n", ""), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%s: not fit for a log: %q", tc.name, err)
		}
	}
}

// A client that is on a proxy's own host is not on ours, unless the proxy is.
// This host's interfaces say nothing about an address that a proxy elsewhere tells of, also one in a container here:
// it has a network of its own.
func TestZone(t *testing.T) {
	r := anyReader(t)
	container := &flow.Peer{Addr: netip.MustParseAddrPort("172.17.0.9:4000"), Zone: flow.ZoneContainer, Interface: "docker0"}
	for _, tc := range []struct {
		client     string
		here, away flow.Zone
	}{
		{"127.0.0.1", flow.ZoneLoopback, flow.ZoneUnknown},
		{"::1", flow.ZoneLoopback, flow.ZoneUnknown},
		{"192.168.1.10", flow.ZoneSelf, flow.ZoneUnknown},
		{"172.17.0.5", flow.ZoneContainer, flow.ZoneLAN},
		{"::ffff:172.17.0.5", flow.ZoneContainer, flow.ZoneLAN},
		{"10.8.0.9", flow.ZoneVPN, flow.ZoneLAN},
		{"198.51.100.9", flow.ZoneVPN, flow.ZonePublic},
		{"169.254.3.3", flow.ZoneLinkLocal, flow.ZoneUnknown},
		{"fe80::5", flow.ZoneLinkLocal, flow.ZoneUnknown},
		{"10.1.1.1", flow.ZoneLAN, flow.ZoneLAN},
		{"fd12::1", flow.ZoneLAN, flow.ZoneLAN},
		{"203.0.113.77", flow.ZoneLAN, flow.ZonePublic},
		{"192.0.2.7", flow.ZonePublic, flow.ZonePublic},
	} {
		for _, peer := range []*flow.Peer{local(), remote(), container} {
			zone := tc.away
			if peer.Local() {
				zone = tc.here
			}
			client := netip.MustParseAddr(tc.client)
			family, server := "TCP4", "10.0.0.1"
			if client.Is6() {
				family, server = "TCP6", "fd00::1"
			}
			_, c, err := r.Parse(fmt.Appendf(nil, "PROXY %s %s %s 1 2\r\n", family, client, server), peer)
			want := &flow.Conveyed{
				Client: netip.AddrPortFrom(client.Unmap(), 1), Zone: zone, Version: 1,
				Server: netip.AddrPortFrom(netip.MustParseAddr(server), 2),
			}
			if diff := cmp.Diff(want, c, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); err != nil || diff != "" {
				t.Errorf("%s by %s: %v\n%s", tc.client, peer.Addr, err, diff)
			}
		}
	}
}

// Headers that another implementation writes are read, of any two addresses, in either version, with any extensions.
func TestReadsWhatOthersWrite(t *testing.T) {
	r := anyReader(t)
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.SampledFrom([]int{4, 16}).Draw(t, "width")
		end := func(name string) *net.TCPAddr {
			return &net.TCPAddr{
				IP:   rapid.SliceOfN(rapid.Byte(), width, width).Draw(t, name),
				Port: rapid.IntRange(0, 65535).Draw(t, name+" port"),
			}
		}
		client, server := end("client"), end("server")
		h := pires.HeaderProxyFromAddrs(rapid.SampledFrom([]byte{1, 2}).Draw(t, "version"), client, server)
		if h.Version == 2 {
			value := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "value")
			if err := h.SetTLVs([]pires.TLV{{Type: pires.PP2_TYPE_UNIQUE_ID, Value: value}}); err != nil {
				t.Fatal(err)
			}
		}
		b, err := h.Format()
		if err != nil {
			t.Fatal(err)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if n, c, err := r.Parse(b[:cut], local()); n != 0 || c != nil || err != nil || cut+r.Missing(b[:cut]) > len(b) {
			t.Fatalf("%q: %d, %+v, %v, missing %d", b[:cut], n, c, err, r.Missing(b[:cut]))
		}
		n, c, err := r.Parse(append(b, "behind"...), local())
		want := unmapped(client).String() + " " + unmapped(server).String()
		if err != nil || n != len(b) || told(c) != want || c.Version != h.Version {
			t.Fatalf("%q: %d, %q, %v, want %q", b, n, told(c), err, want)
		}
	})
}

func unmapped(a *net.TCPAddr) netip.AddrPort {
	p := a.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// check holds what is true of every input: the answer does not depend on what is behind the header, its beginnings need
// more, and what another implementation takes means the same to us.
func check(t testing.TB, r *Reader, b []byte) {
	t.Helper()
	n, c, err := r.Parse(b, local())
	if n < 0 || n > len(b) || n > MaxHeader || (n == 0 || err != nil) && c != nil || err != nil && n != 0 {
		t.Fatalf("%q: %d, %+v, %v", b, n, c, err)
	}
	if n == 0 && err == nil {
		if m := r.Missing(b); m < 1 || m > MaxHeader {
			t.Fatalf("%q: %d bytes are missing", b, m)
		}
	}
	for i := range n {
		if m, c, err := r.Parse(b[:i], local()); m != 0 || c != nil || err != nil || i+r.Missing(b[:i]) > n {
			t.Fatalf("%q: %d, %+v, %v, missing %d of %d", b[:i], m, c, err, r.Missing(b[:i]), n-i)
		}
	}
	source := bytes.NewReader(b)
	buffered := bufio.NewReader(source)
	theirs, err2 := pires.Read(buffered)
	switch read := len(b) - source.Len() - buffered.Buffered(); {
	case err2 != nil || err != nil: // each is stricter somewhere
	case n != read:
		t.Fatalf("%q: we read %d, pires %d", b, n, read)
	case c != nil:
		from, to, ok := theirs.TCPAddrs()
		if !ok || told(c) != unmapped(from).String()+" "+unmapped(to).String() {
			t.Fatalf("%q: we read %q, pires %+v", b, told(c), theirs)
		}
	}
}

func FuzzV1(f *testing.F) {
	for header := range valid() {
		if rest, ok := strings.CutPrefix(header, signatureV1); ok {
			f.Add(rest)
		}
	}
	r := anyReader(f)
	f.Fuzz(func(t *testing.T, s string) { check(t, r, []byte(signatureV1+s)) })
}

func FuzzV2(f *testing.F) {
	for header := range valid() {
		if rest, ok := strings.CutPrefix(header, signatureV2); ok {
			f.Add([]byte(rest))
		}
	}
	r := anyReader(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, r, append([]byte(signatureV2), b...))
		check(t, r, b)
	})
}
