package sockdiag

import (
	"net"
	"slices"
	"testing"
)

func TestByInode(t *testing.T) {
	open := listenOn(t, "tcp", "[::]:0")
	client, server := dialFrom(t, "tcp4", "127.0.0.1:0", "", nil)
	client6, _ := dialFrom(t, "tcp6", "[::1]:0", "", nil)
	_, _ = dialFrom(t, "tcp4", "127.0.0.1:0", "", nil) // nobody asks for these

	want := map[uint32]bool{inodeOf(t, client): true, inodeOf(t, server): true, inodeOf(t, client6): true, 1: true}
	own, listeners, err := ByInode(want)
	if err != nil {
		t.Fatal(err)
	}
	if len(own) != 3 {
		t.Errorf("%d sockets: %+v", len(own), own)
	}
	for _, s := range own {
		if !want[s.Inode] || s.State != Established {
			t.Errorf("%+v was not asked for", s)
		}
	}
	if !slices.ContainsFunc(own, func(s Socket) bool { return s.Remote == addrOf(client.RemoteAddr()) }) {
		t.Errorf("the client's socket has another far end: %+v", own)
	}
	if !slices.ContainsFunc(listeners, func(s Socket) bool { return s.Local.Port() == addrOf(open.Addr()).Port() }) {
		t.Error("the listener is not among the listeners")
	}
	if slices.ContainsFunc(listeners, func(s Socket) bool { return s.State != Listen }) {
		t.Error("a listener does not listen")
	}
}

func listenOn(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}
