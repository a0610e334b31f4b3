package main

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// What lies between client and service, in namespaces with firewalls and routes of their own.
func TestCheckFailingNetworks(t *testing.T) {
	testkit.NeedRoot(t)
	testkit.Need(t, "nft", "ip")
	runFailures(t, sharedHome(t), []failure{
		{name: "a firewall rejects", setUp: behindFirewall("input", "reject with tcp reset"), class: "network",
			cause: `was refused although lodoor\.test \(pid \d+, user \S+\) listens there: a firewall rejects$`, mend: `^look for a reject of tcp port \d+ in 'nft list ruleset'`},
		{name: "a firewall drops", setUp: behindFirewall("input", "drop"), class: "network",
			cause: `^timed out: lodoor\.test .* listens at 127\.0\.0\.1:\d+ and its accept queue is not full, .*: a firewall drops$`, mend: `^look for a drop of tcp port \d+`},
		{name: "a firewall drops on the way out", setUp: behindFirewall("output", "drop"), class: "network", cause: `a firewall drops$`, mend: `on the way in and out$`},
		{name: "a firewall drops, and nobody listens", setUp: droppedForNobody, class: "network",
			cause: `^timed out: a firewall drops what is sent to 127\.0\.0\.1:\d+ \(where nobody listens`, mend: `^look for a drop`},
		{name: "the host is gone", setUp: hostGone, class: "network",
			cause: `^timed out: 10\.99\.0\.2:80 did not answer, which is not an address of this host: the host is gone`, mend: `^'ping 10\.99\.0\.2' and 'ip route get 10\.99\.0\.2'`},
		{name: "nobody there on another host", setUp: nobodyThere, class: "application",
			cause: `^10\.99\.0\.2:80 refused, which is not an address of this host`, mend: `on that host$`},
		{name: "no route", setUp: routed(""), class: "network", cause: `^192\.0\.2\.9:80 cannot be reached \(network is unreachable\)`, mend: `^check the address; 'ip route get 192\.0\.2\.9'`},
		{name: "a prohibited route", setUp: routed("prohibit"), class: "network", cause: `^this system does not permit to connect to 192\.0\.2\.9:80 \(permission denied\)$`, mend: `prohibited route`},
		{name: "an own address, listened on loopback only", setUp: ownAddress, class: "application",
			cause: `^wrong address: lodoor\.test .* listens at 127\.0\.0\.1:\d+ only, not at 10\.99\.0\.1:\d+$`, mend: `others in that network can then reach port`},
		{name: "no IPv6 here", setUp: withoutIPv6, class: "network", cause: `^wrong family: this host has no IPv6 address`, mend: `^connect to 127\.0\.0\.1, or switch IPv6 on`},
		{name: "not an address to bind", setUp: bindElsewhere, class: "network", cause: `^192\.0\.2\.9 is not an address of this host$`, mend: `^'ip address'`},
		{name: "localhost is ::1 first", setUp: localhostIs6, class: "application",
			cause: `^wrong family: localhost is ::1 here, and lodoor\.test .* listens at 127\.0\.0\.1:\d+ only$`, mend: `^connect to 127\.0\.0\.1:\d+, or let it listen at ::1 too$`},
	})
}

// firewall adds a rule for a port.
func firewall(ns *testkit.Netns, hook string, port int, does string) {
	ns.Run("nft", fmt.Sprintf("add table inet t; add chain inet t c { type filter hook %s priority 0; }; "+
		"add rule inet t c tcp dport %d %s", hook, port, does))
}

func behindFirewall(hook, does string) func(*testing.T, *testkit.Home) (string, int) {
	return func(t *testing.T, h *testkit.Home) (stdout string, code int) {
		ns := testkit.NewNetns(t)
		ns.Do(func() {
			port := testkit.EchoServer(t).Port()
			firewall(ns, hook, port, does)
			stdout, code = check(t, h, local(port))
		})
		return stdout, code
	}
}

func droppedForNobody(t *testing.T, h *testkit.Home) (stdout string, code int) {
	ns := testkit.NewNetns(t)
	firewall(ns, "input", 7000, "drop")
	ns.Do(func() { stdout, code = check(t, h, local(7000)) })
	return stdout, code
}

func hostGone(t *testing.T, h *testkit.Home) (stdout string, code int) {
	n := testkit.NewNetwork(t)
	firewall(n.Remote, "input", 80, "drop")
	n.Host.Do(func() { stdout, code = check(t, h, "10.99.0.2:80") })
	return stdout, code
}

func nobodyThere(t *testing.T, h *testkit.Home) (stdout string, code int) {
	n := testkit.NewNetwork(t)
	n.Host.Do(func() { stdout, code = check(t, h, "10.99.0.2:80") })
	return stdout, code
}

func routed(kind string) func(*testing.T, *testkit.Home) (string, int) {
	return func(t *testing.T, h *testkit.Home) (stdout string, code int) {
		ns := testkit.NewNetns(t)
		if kind != "" {
			ns.IP("route", "add", kind, "192.0.2.0/24")
		}
		ns.Do(func() { stdout, code = check(t, h, "192.0.2.9:80") })
		return stdout, code
	}
}

func ownAddress(t *testing.T, h *testkit.Home) (stdout string, code int) {
	n := testkit.NewNetwork(t)
	n.Host.Do(func() {
		stdout, code = check(t, h, net.JoinHostPort("10.99.0.1", strconv.Itoa(testkit.EchoServer(t).Port())))
	})
	return stdout, code
}

func withoutIPv6(t *testing.T, h *testkit.Home) (stdout string, code int) {
	ns := testkit.NewNetns(t)
	ns.Run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
	ns.Do(func() { stdout, code = check(t, h, "[::1]:7000") })
	return stdout, code
}

func bindElsewhere(t *testing.T, h *testkit.Home) (stdout string, code int) {
	ns := testkit.NewNetns(t)
	ns.Do(func() { stdout, code = check(t, h, "--bind", "192.0.2.9:7000") })
	return stdout, code
}

// localhostIs6 runs check where /etc/hosts says that localhost is ::1, then 127.0.0.1, as many systems do.
func localhostIs6(t *testing.T, h *testkit.Home) (stdout string, code int) {
	unshare := testkit.Program(t, "unshare")
	hosts := shortDir(t) + "/hosts"
	run := h.Command("check", strconv.Itoa(testkit.EchoServer(t).Port()))
	script := `printf '::1 localhost\n127.0.0.1 localhost\n' >"$1" && mount --bind "$1" /etc/hosts && shift && exec "$@"`
	cmd := exec.Command(unshare, append([]string{"--mount", "sh", "-c", script, "sh", hosts, run.Path}, run.Args[1:]...)...)
	cmd.Env, cmd.Dir = run.Env, run.Dir
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState.ExitCode() != exitFailure {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// Doors that refuse, that hang, and whose backend is down.
func TestCheckFailingDoors(t *testing.T) {
	runFailures(t, testkit.NewHome, []failure{
		{name: "a rule denies", setUp: doorDenies, class: "rule",
			cause: `^door \d+ refuses this client: rule flag\.deny\.loopback denies zone loopback`, mend: `^when this client is to come in, change that rule of service svc`},
		{name: "a rule denies, asked by the backend", setUp: doorDeniesBackend, class: "rule", cause: `^door \d+ refuses this client: rule flag\.deny\.loopback`, mend: `change that rule`},
		{name: "no PROXY header", setUp: doorWantsHeader, class: "rule", cause: `^door \S+ refuses this client: .* \(rule builtin\.proxy_header\)$`, mend: `^connect by way of the proxy`},
		{name: "a limit", setUp: doorIsFull, class: "door", cause: `^door \S+ has reached a limit: `, mend: `raise the limit$`},
		{name: "a rule denies, without a journal", setUp: doorWithoutJournal, class: "rule", cause: `most likely a rule refuses; it keeps no journal that would tell$`, mend: `^run the door with a journal`},
		{name: "backend down", setUp: doorBackendDown, class: "application",
			cause: `^behind door \d+, service svc: refused: nobody listens on port \d+`, mend: `^start the service`},
		{name: "backend is a stale socket", setUp: doorBackendStale, class: "application", cause: `^behind door \d+, service svc: refused: /\S+/s is stale`, mend: `'rm /\S+/s' first`},
		{name: "a door that hangs", setUp: doorHangs, class: "door", cause: `^lodoor\S* \(pid \d+, user \S+\) does not accept: `, mend: `^it hangs, is stopped`},
		{name: "another user's door", setUp: doorOfAnother, class: "rule", cause: `is a door that ended the connection at once`, mend: `^run this as the door's own user or as root`},
	})
}

// reachable waits for a door's control socket, which comes a moment after its fronts are open.
func reachable(t *testing.T, d *testDoor) *testDoor {
	t.Helper()
	testkit.Wait(t, "the control socket", func() bool {
		sockets, err := filepath.Glob(filepath.Join(d.Runtime(), "*.sock"))
		return err == nil && len(sockets) > 0
	}, 20*time.Second)
	return d
}

func doorDenies(t *testing.T, h *testkit.Home) (string, int) {
	d := reachable(t, openDoorIn(t, h, strconv.Itoa(testkit.EchoServer(t).Port()), "--deny", "loopback"))
	stdout, code := check(t, h, d.portText())
	refused := d.records(flow.EventSessionRefused) // of 127.0.0.1 and ::1, in any order; one of them is told
	if !slices.ContainsFunc(refused, func(r flow.Record) bool { return strings.Contains(stdout, r.Verdict.Reason) }) {
		t.Errorf("the journal's reason is not told: %+v", refused)
	}
	return stdout, code
}

func doorDeniesBackend(t *testing.T, h *testkit.Home) (string, int) {
	backend := strconv.Itoa(testkit.EchoServer(t).Port())
	reachable(t, openDoorIn(t, h, backend, "--deny", "loopback"))
	return check(t, h, backend)
}

func doorWantsHeader(t *testing.T, _ *testkit.Home) (string, int) {
	d := reachable(t, configured(t, fmt.Sprintf(
		"services:\n- {name: svc, listen: PORT, backend: %d, proxy_protocol: {from: {zones: [loopback]}}}\n",
		testkit.EchoServer(t).Port())))
	return check(t, d.Home, d.addr())
}

func doorIsFull(t *testing.T, _ *testkit.Home) (string, int) {
	d := reachable(t, configured(t, fmt.Sprintf("services:\n- {name: svc, listen: PORT, backend: %d, limits: {max_open: 1}}\n",
		testkit.EchoServer(t).Port())))
	connected(t, d.addr())
	d.await(flow.EventSessionOpen, 1)
	return check(t, d.Home, d.addr())
}

func doorWithoutJournal(t *testing.T, h *testkit.Home) (string, int) {
	port := testkit.FreePort(t)
	backend := testkit.EchoServer(t).Port()
	door := h.Start("--journal", "off", "--deny", "loopback", fmt.Sprintf("%d:%d", port, backend))
	reachable(t, &testDoor{Door: door})
	return check(t, h, local(port))
}

func doorBackendDown(t *testing.T, h *testkit.Home) (string, int) {
	return check(t, h, reachable(t, openDoorIn(t, h, strconv.Itoa(testkit.FreePort(t)))).portText())
}

func doorBackendStale(t *testing.T, h *testkit.Home) (string, int) {
	path := shortDir(t) + "/s"
	ln := unixServer(t, path)
	ln.SetUnlinkOnClose(false)
	_ = ln.Close()
	return check(t, h, reachable(t, openDoorIn(t, h, "unix:"+path)).portText())
}

func doorHangs(t *testing.T, h *testkit.Home) (string, int) {
	d := reachable(t, openDoorIn(t, h, strconv.Itoa(testkit.EchoServer(t).Port())))
	d.Signal(syscall.SIGSTOP)
	defer d.Signal(syscall.SIGCONT)
	return check(t, h, d.addr())
}

// doorOfAnother is a door whose control socket is not found from the home of who asks.
func doorOfAnother(t *testing.T, h *testkit.Home) (string, int) {
	d := openDoor(t, strconv.Itoa(testkit.EchoServer(t).Port()), "--deny", "loopback")
	return check(t, h, d.addr())
}
