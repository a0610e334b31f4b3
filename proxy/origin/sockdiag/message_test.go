package sockdiag

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lodoor/lodoor/internal/testkit"
)

// The bytes were laid out by hand from the kernel's headers, for a little-endian machine.
const (
	wireRequest = "48000000 1400 0100 07000000 00000000" + // length, type, flags, seq, port id
		"02 06 00 00 ffffffff" + // AF_INET, TCP, any state
		"9c40 f5ad 7f000001 000000000000000000000000 7f000009 000000000000000000000000" +
		"03000000 ffffffff ffffffff"
	wireSocket = "0a 01 00 00" + // AF_INET6, ESTABLISHED
		"9c40 f5ad 00000000000000000000ffff7f000001 fd990000000000000000000000000002" +
		"02000000 01000000 02000000" + // interface, cookie
		"00000000 05000000 06000000 e8030000 39300000" // expires, queues, uid 1000, inode 12345
)

func wire(t testing.TB, s string) []byte {
	t.Helper()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		testkit.Missing(t, "the bytes of this test are those of a little-endian machine")
	}
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRequest(t *testing.T) {
	r := request{
		family: familyInet, states: ^uint32(0), iface: 3,
		local:  netip.MustParseAddrPort("127.0.0.1:40000"),
		remote: netip.MustParseAddrPort("127.0.0.9:62893"),
	}
	if diff := cmp.Diff(wire(t, wireRequest), r.append(nil, 7)); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeSocket(t *testing.T) {
	got, err := decodeSocket(wire(t, wireSocket))
	if err != nil {
		t.Fatal(err)
	}
	want := Socket{
		Local:  netip.MustParseAddrPort("127.0.0.1:40000"),
		Remote: netip.MustParseAddrPort("[fd99::2]:62893"),
		State:  Established, Inode: 12345, Iface: 2, Cookie: 2<<32 | 1, Queued: 5, Backlog: 6, uid: 1000,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Socket{}), cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Error(diff)
	}
}

func TestV6OnlyAttribute(t *testing.T) {
	for _, tc := range []struct {
		name, attributes string
		want             bool
	}{
		{"absent", "", false},
		{"set", "0500 0b00 01 000000", true},
		{"not set", "0500 0b00 00 000000", false},
		{"behind another", "0500 0800 03 000000 0500 0b00 01 000000", true},
		{"last without padding", "0500 0b00 01", true},
		{"longer than the message", "ff00 0b00 01", false},
		{"without length", "0000 0b00 01", false},
		{"empty", "0400 0b00", false},
	} {
		s, err := decodeSocket(append(wire(t, wireSocket), wire(t, tc.attributes)...))
		if err != nil || s.V6Only != tc.want {
			t.Errorf("%s: %v, %v", tc.name, s.V6Only, err)
		}
	}
}

func TestOwnerOfAnOrphanIsUnknown(t *testing.T) {
	for _, tc := range []struct {
		socket Socket
		uid    uint32
		known  bool
	}{
		{Socket{Inode: 5}, 0, true}, // root's
		{Socket{Inode: 5, uid: 1000}, 1000, true},
		{Socket{Inode: 0}, 0, false}, // the kernel says uid 0
		{Socket{Inode: 0, uid: 1000}, 0, false},
	} {
		if uid, known := tc.socket.Owner(); uid != tc.uid || known != tc.known {
			t.Errorf("%+v: owner %d, %v", tc.socket, uid, known)
		}
	}
}

func TestFailure(t *testing.T) {
	for _, tc := range []struct {
		body string
		want error
	}{
		{"00000000", nil},
		{"feffffff", syscall.ENOENT},
		{"fe", errMalformed},
		{"01000000", errMalformed},
		{"00000080", errMalformed},
	} {
		m := message{kind: typeError, body: wire(t, tc.body)}
		if got := m.failure(); !errors.Is(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.body, got, tc.want)
		}
		if _, err := m.socket(); err == nil {
			t.Errorf("%s: no socket and no error", tc.body)
		}
	}
}

// FuzzDecode holds that no answer makes the decoder panic or run for ever, and that addresses come out plain.
func FuzzDecode(f *testing.F) {
	f.Add(append(wire(f, "58000000 1400 0000 07000000 00000000"), wire(f, wireSocket)...))
	f.Add(wire(f, "14000000 0200 0000 07000000 00000000 feffffff"))
	f.Add(wire(f, "10000000 0300 0000 07000000 00000000 00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			m, rest, err := nextMessage(b)
			if err != nil {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("no progress")
			}
			b = rest
			s, err := m.socket()
			if err == nil && (s.Local.Addr().Is4In6() || s.Remote.Addr().Is4In6() || !s.Local.IsValid()) {
				t.Fatalf("addresses of %+v are not plain", s)
			}
		}
	})
}
