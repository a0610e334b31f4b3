package origin

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// unixLead is what package peer finds out about the client of a Unix socket.
func unixLead(t *testing.T, accepted net.Conn) (l flow.Lead) {
	t.Helper()
	raw, err := accepted.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			l.PID = int(cred.Pid)
		}
		l.PIDFD, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PEERPIDFD)
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestUnixClients(t *testing.T) {
	r := running(t, ResolverConfig{})
	l := listen(t, "unix", filepath.Join(t.TempDir(), "door"))
	c := start(t, uint32(os.Geteuid()), "stay", "unix", l.Addr().String())
	accepted, pid := accept(t, l)
	seek := func(lead flow.Lead) flow.Origin {
		w := newWaiter()
		r.Seek(lead, flow.Origin{Attribution: flow.AttributionUIDOnly, UID: 5, PID: lead.PID}, time.Now().Add(patient), w)
		return w.wait(t)
	}
	first := unixLead(t, accepted)
	if first.PIDFD == 0 {
		testkit.Missing(t, "this kernel has no SO_PEERPIDFD")
	}
	o := seek(first)
	if o.Attribution != flow.AttributionExactConnect || o.PID != pid || pid != c.pid() || o.Process == nil || o.UID != 5 {
		t.Errorf("%+v; the client is %d", o, pid)
	}
	if o := seek(flow.Lead{PID: pid}); o.Attribution != flow.AttributionUIDOnly || o.PID != pid || o.Process != nil {
		t.Errorf("a number alone is no proof: %+v", o)
	}
	late := unixLead(t, accepted)
	c.end()
	if o := seek(late); o.Attribution != flow.AttributionUIDOnly || o.PID != pid || o.Process != nil {
		t.Errorf("a client that has left: %+v", o)
	}
	for _, fd := range []int{first.PIDFD, late.PIDFD} {
		if link, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); strings.Contains(link, "pidfd") {
			t.Errorf("descriptor %d is still open", fd)
		}
	}
}

// A lead's descriptor is closed also when nobody waits, when the time is up, and when nobody looks any more.
func TestLeadsAreClosed(t *testing.T) {
	r, err := NewResolver(ResolverConfig{})
	if err != nil {
		t.Fatal(err)
	}
	descriptors := countDescriptors(t)
	pidfd := func() int {
		fd, err := unix.PidfdOpen(os.Getpid(), 0)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	var gone, late, last asker
	gone.left.Store(true)
	lead := func() flow.Lead { return flow.Lead{PID: os.Getpid(), PIDFD: pidfd()} }
	r.Seek(lead(), flow.Origin{}, time.Now().Add(patient), &gone)
	r.Seek(lead(), flow.Origin{}, time.Now(), &late)
	r.turn(t.Context())
	r.Seek(lead(), flow.Origin{}, time.Now().Add(patient), &last)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = r.Run(ctx)
	after := newWaiter()
	r.Seek(lead(), flow.Origin{}, time.Now().Add(patient), after)
	after.wait(t)
	if got := countDescriptors(t); got != descriptors || len(gone.got()) != 0 || len(late.got()) != 1 || len(last.got()) != 1 {
		t.Errorf("%d descriptors, then %d; answers %d, %d, %d", descriptors, got, len(gone.got()), len(late.got()), len(last.got()))
	}
}

func countDescriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
