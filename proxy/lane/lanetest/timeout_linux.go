package lanetest

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// userTimeout has a backend take nothing for longer than the leg's TCP_USER_TIMEOUT.
func (k kit) userTimeout(t *testing.T) {
	if k.network.backend == "unix" {
		t.Skip("Unix sockets have no TCP_USER_TIMEOUT")
	}
	s := k.open(t, lane.Pair{})
	err := s.pair.Backend.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 300)
	})
	if err != nil {
		t.Fatal(err)
	}
	wrote := fromClient.sendLate(t, s.Client, 64<<20, nothing)
	o := s.outcome(t)
	if o.End != flow.EndUserTimeout || o.EndedBy != flow.SideBackend {
		t.Errorf("ended %s by %q (%s), want user_timeout by backend", o.End, o.EndedBy, o.Detail)
	}
	if !portable && (o.ClientTCP == nil || o.BackendTCP == nil || o.BackendTCP.Unsent == 0) {
		t.Errorf("TCP_INFO client %+v, backend %+v: want both, and bytes unsent at the backend", o.ClientTCP, o.BackendTCP)
	}
	if err := <-wrote; !isReset(err) && k.network.client != "unix" {
		t.Errorf("client: %v, want a reset", err)
	}
}
