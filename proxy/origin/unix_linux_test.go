package origin

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

// unixLead is what package peer finds out about the client of a Unix socket. Its descriptor is the seeker's.
func unixLead(t *testing.T, accepted net.Conn) (l flow.Lead) {
	t.Helper()
	d, err := sockdiag.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // nothing was written
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
		var own unix.Stat_t
		if unix.Fstat(int(fd), &own) == nil {
			inode, _ := d.UnixPeer(uint32(own.Ino)) // 0 when the client has left
			l.Inode = uint64(inode)
		}
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
	if o.Attribution != flow.AttributionExactConnect || o.PID != pid || pid != c.pid() || o.Process == nil || o.UID != 5 ||
		o.Holders != nil {
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

// Who connected is told before it is looked for who else has the socket, and once.
func TestUnixClientsAreMet(t *testing.T) {
	l := listen(t, "unix", filepath.Join(t.TempDir(), "door"))
	c := start(t, uint32(os.Geteuid()), "stay", "unix", l.Addr().String())
	accepted, _ := accept(t, l)
	lead := unixLead(t, accepted)
	if lead.PIDFD == 0 {
		testkit.Missing(t, "this kernel has no SO_PEERPIDFD")
	}
	var a asker
	p := &party{now: time.Now, seeks: []seek{{lead: lead, deadline: time.Now().Add(patient), by: &a}}}
	p.ask(time.Now())
	s := newProcSearch(ResolverConfig{Users: NewUsers()})
	s.glance(t.Context(), p)
	if len(a.met) != 1 || a.met[0].PID != c.pid() || a.met[0].Attribution != flow.AttributionExactConnect || len(a.got()) != 0 {
		t.Errorf("met %+v, found %+v", a.met, a.got())
	}
	s.scan(t.Context(), p)
	if got := a.got(); len(a.met) != 1 || len(got) != 1 || got[0].PID != c.pid() || got[0].Holders != nil {
		t.Errorf("met %+v, found %+v", a.met, got)
	}
}

// A socket that was passed on: the process is the one that connected, as the kernel says, and those that hold it are
// beside it, whether it still does or not. Before Linux 6.5 the kernel does not say, and one that holds it is told.
func TestUnixSocketsThatArePassedOn(t *testing.T) {
	r := running(t, ResolverConfig{})
	l := listen(t, "unix", filepath.Join(t.TempDir(), "door"))
	heir, to := receiver(t)
	own, accepted := connect(t, l)
	me := os.Getpid()
	look := func(old bool) flow.Origin {
		lead := unixLead(t, accepted)
		if lead.PIDFD == 0 && !old {
			testkit.Missing(t, "this kernel has no SO_PEERPIDFD")
		}
		if old {
			closePIDFD(lead.PIDFD)
			lead.PIDFD = 0
		}
		w := newWaiter()
		r.Seek(lead, flow.Origin{Attribution: flow.AttributionUIDOnly, UID: 5, PID: lead.PID}, time.Now().Add(patient), w)
		return w.wait(t)
	}
	check := func(when string, old bool, a flow.Attribution, pid int, holders ...int) {
		t.Helper()
		o := look(old)
		held := len(o.Holders) == len(holders)
		for _, pid := range holders {
			held = held && slices.ContainsFunc(o.Holders, func(p *flow.Process) bool { return p.PID == pid })
		}
		if o.Attribution != a || o.PID != pid || o.Process == nil || o.Process.PID != pid || !held || o.UID != 5 {
			t.Errorf("%s, %+v, held by %d; want %v %d, held by %v", when, o, len(o.Holders), a, pid, holders)
		}
	}
	check("alone", false, flow.AttributionExactConnect, me)
	check("alone, old kernel", true, flow.AttributionLiveSocket, me)
	pass(t, own.(*net.UnixConn), to)
	r = running(t, ResolverConfig{}) // that does not believe it to be alone since it was so a moment ago
	check("both have it", false, flow.AttributionExactConnect, me, me, heir.pid())
	check("both have it, old kernel", true, flow.AttributionLiveSocket, me, me, heir.pid())
	_ = own.Close()
	check("the other one has it", false, flow.AttributionExactConnect, me, heir.pid())
	check("the other one has it, old kernel", true, flow.AttributionLiveSocket, heir.pid())
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
