package testkit

import (
	"crypto/rand"
	"encoding/hex"
	"net/netip"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Netns is a network namespace that a test made for itself and that goes with it. Its loopback interface is up.
type Netns struct {
	Name string

	t  testing.TB
	ip string // the program
	fd int    // the namespace
}

// NewNetns makes a network namespace without interfaces but lo. It needs root and the program ip.
func NewNetns(t testing.TB) *Netns {
	t.Helper()
	NeedRoot(t)
	var random [6]byte
	_, _ = rand.Read(random[:])
	ns := &Netns{Name: "lodoor-" + hex.EncodeToString(random[:]), t: t, ip: Program(t, "ip")}
	ns.run("netns", "add", ns.Name)
	t.Cleanup(func() { ns.run("netns", "del", ns.Name) })
	ns.IP("link", "set", "lo", "up")

	fd, err := unix.Open("/run/netns/"+ns.Name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("open namespace: %v", err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	ns.fd = fd
	return ns
}

// Network is what [NewNetwork] made: this host, another one, and the wire between them.
type Network struct {
	Host, Remote *Netns
	// Link is the name of the wire's interface on both sides.
	Link string
	// The addresses of the two ends of the wire.
	Host4, Host6, Remote4, Remote6 netip.Addr
}

// NewNetwork makes two namespaces with a veth pair between them, 10.99.0.0/24 and fd99::/64.
func NewNetwork(t testing.TB) *Network {
	t.Helper()
	n := &Network{
		Host: NewNetns(t), Remote: NewNetns(t), Link: "wire0",
		Host4: netip.MustParseAddr("10.99.0.1"), Remote4: netip.MustParseAddr("10.99.0.2"),
		Host6: netip.MustParseAddr("fd99::1"), Remote6: netip.MustParseAddr("fd99::2"),
	}
	n.Host.IP("link", "add", n.Link, "type", "veth", "peer", "name", n.Link, "netns", n.Remote.Name)
	n.Host.up(n.Link, n.Host4, n.Host6)
	n.Remote.up(n.Link, n.Remote4, n.Remote6)
	return n
}

// up gives an interface its addresses. Without duplicate address detection they work at once.
func (ns *Netns) up(link string, v4, v6 netip.Addr) {
	ns.t.Helper()
	ns.Run("sysctl", "-qw", "net.ipv6.conf."+link+".accept_dad=0")
	ns.IP("addr", "add", v4.String()+"/24", "dev", link)
	ns.IP("addr", "add", v6.String()+"/64", "dev", link, "nodad")
	ns.IP("link", "set", link, "up")
}

// Do calls f with the calling goroutine's thread in the namespace. Sockets that f makes stay there; goroutines that it
// starts are not in the namespace. f may end the test.
func (ns *Netns) Do(f func()) {
	ns.t.Helper()
	runtime.LockOSThread()
	before, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		ns.t.Fatalf("open the thread's namespace: %v", err)
	}
	defer func() {
		if err := unix.Setns(before, unix.CLONE_NEWNET); err != nil {
			// The thread stays locked, so that it ends with this goroutine and nobody else gets it.
			ns.t.Fatalf("leave namespace: %v", err)
		}
		_ = unix.Close(before)
		runtime.UnlockOSThread()
	}()
	if err := unix.Setns(ns.fd, unix.CLONE_NEWNET); err != nil {
		ns.t.Fatalf("enter namespace: %v", err)
	}
	f()
}

// Command is a program that will run in the namespace, found as [Program] does.
func (ns *Netns) Command(program string, args ...string) *exec.Cmd {
	ns.t.Helper()
	path := Program(ns.t, program)
	return exec.Command(ns.ip, append([]string{"netns", "exec", ns.Name, path}, args...)...)
}

// Run runs a program in the namespace and ends the test when it fails.
func (ns *Netns) Run(program string, args ...string) {
	ns.t.Helper()
	if out, err := ns.Command(program, args...).CombinedOutput(); err != nil {
		ns.t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
}

// IP runs ip(8) on the namespace and ends the test when it fails.
func (ns *Netns) IP(args ...string) {
	ns.t.Helper()
	ns.run(append([]string{"-n", ns.Name}, args...)...)
}

func (ns *Netns) run(args ...string) {
	ns.t.Helper()
	if out, err := exec.Command(ns.ip, args...).CombinedOutput(); err != nil {
		ns.t.Fatalf("ip %q: %v\n%s", args, err, out)
	}
}
