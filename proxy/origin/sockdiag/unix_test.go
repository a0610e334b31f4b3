package sockdiag

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The bytes were laid out by hand from the kernel's headers, for a little-endian machine.
const (
	wireUnixRequest = "28000000 1400 0100 07000000 00000000" + // length, type, flags, seq, port id
		"01 00 0000 ffffffff 39300000 04000000 ffffffff ffffffff" // AF_UNIX, any state, inode 12345, its peer
	wireUnixSocket = "01 01 01 00 39300000 01000000 02000000" + // AF_UNIX, stream, established, inode 12345, cookie
		"05000600 00000000" + // shutdown, padded
		"08000200 3a300000" // peer 12346
)

func TestUnixRequest(t *testing.T) {
	if diff := cmp.Diff(wire(t, wireUnixRequest), (&unixRequest{12345}).append(nil, 7)); diff != "" {
		t.Error(diff)
	}
}

func TestUnixPeerOfAnAnswer(t *testing.T) {
	b := wire(t, wireUnixSocket)
	if peer, err := (&unixRequest{12345}).peer(b); peer != 12346 || err != nil {
		t.Errorf("%d, %v", peer, err)
	}
	for n := unixSocketLen; n < len(b); n++ {
		if peer, err := (&unixRequest{12345}).peer(b[:n]); peer != 0 || err != nil {
			t.Errorf("of %d bytes: %d, %v", n, peer, err)
		}
	}
	for _, short := range [][]byte{nil, b[:unixSocketLen-1]} {
		if peer, err := (&unixRequest{12345}).peer(short); peer != 0 || !errors.Is(err, errMalformed) {
			t.Errorf("of %d bytes: %d, %v", len(short), peer, err)
		}
	}
	if peer, err := (&unixRequest{12344}).peer(b); peer != 0 || !errors.Is(err, errMalformed) {
		t.Errorf("another socket's: %d, %v", peer, err)
	}
}

func FuzzUnixPeer(f *testing.F) {
	f.Add([]byte{familyUnix, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, attributePeer, 0, 1, 0, 0, 0})
	f.Add([]byte{familyUnix, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, attributePeer, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var r unixRequest
		if len(b) >= unixSocketLen {
			r.inode = binary.NativeEndian.Uint32(b[4:])
		}
		if peer, err := r.peer(b); err != nil && peer != 0 {
			t.Errorf("%d, %v", peer, err)
		}
	})
}
