package sockdiag

import (
	"errors"
	"net"
	"path/filepath"
	"testing"
)

func TestUnixPeer(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := open(t)
	var clients, servers [2]net.Conn
	for i := range clients {
		client, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		clients[i], servers[i] = client, server
	}
	for i := range clients {
		for _, ends := range [][2]net.Conn{{servers[i], clients[i]}, {clients[i], servers[i]}} {
			if peer, err := d.UnixPeer(inodeOf(t, ends[0])); err != nil || peer != inodeOf(t, ends[1]) {
				t.Errorf("the peer of %d is %d, %v; want %d", inodeOf(t, ends[0]), peer, err, inodeOf(t, ends[1]))
			}
		}
	}
	_ = clients[0].Close()
	for _, inode := range []uint32{inodeOf(t, servers[0]), 1, ^uint32(0)} {
		if peer, err := d.UnixPeer(inode); peer != 0 || !errors.Is(err, ErrNotFound) {
			t.Errorf("socket %d has the peer %d, %v", inode, peer, err)
		}
	}
	if peer, err := d.UnixPeer(inodeOf(t, servers[1])); err != nil || peer != inodeOf(t, clients[1]) {
		t.Errorf("after others: %d, %v", peer, err)
	}
}

func BenchmarkUnixPeer(b *testing.B) {
	d := open(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.UnixPeer(1); err == nil {
			b.Fatal("found")
		}
	}
}
