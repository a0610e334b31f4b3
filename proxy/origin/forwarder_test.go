package origin

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

// zoneForTests knows the loopback, 10.99.0.1 as this host, the rest of its network as a LAN, and public addresses.
func zoneForTests(a netip.Addr) flow.Zone {
	switch {
	case a.IsLoopback():
		return flow.ZoneLoopback
	case a == netip.MustParseAddr("10.99.0.1"):
		return flow.ZoneSelf
	case a.IsPrivate():
		return flow.ZoneLAN
	default:
		return flow.ZonePublic
	}
}

// fabricated are forwarders that look at no process.
func fabricated(t *testing.T, sockets held, extra ...ForwarderRule) *Forwarders {
	t.Helper()
	f, err := NewForwarders(ForwardersConfig{Extra: extra, Zone: zoneForTests})
	if err != nil {
		t.Fatal(err)
	}
	f.held = func(context.Context, procfs.FS, *flow.Process) (held, error) { return sockets, nil }
	f.words = func(_ procfs.FS, p *flow.Process) []string { return fields(p) }
	return f
}

func process(exe, program, commandLine string) *flow.Process {
	return &flow.Process{
		PID: 7, Started: time.Unix(1_700_000_000, 0),
		Executable: flow.Executable{Path: exe}, Program: program, CommandLine: commandLine,
		Parents: []flow.Ancestor{{PID: 6, Program: "bash"}, {PID: 5, Program: "sshd"}},
	}
}

func TestForwardersRecognise(t *testing.T) {
	for _, tc := range []struct {
		exe, program, commandLine string
		want                      string // the name, empty for none
	}{
		{"/usr/sbin/sshd", "sshd", "sshd: kim@notty", "sshd"},
		{"/usr/lib/openssh/sshd-session", "sshd-session", "sshd-session: kim@notty", "sshd"},
		{"", "sshd", "", "sshd"}, // another user's executable may not be read
		{"", "", "sshd: kim@pts/3", "sshd"},
		{"/usr/lib/postgresql/15/bin/psql", "psql", "psql -h 127.0.0.1 sshd", ""},
		{"/usr/bin/ssh", "ssh", "ssh host", ""},
		{"/usr/bin/ssh", "ssh", "ssh -N -R 5432:localhost:5432 host", "ssh"},
		{"/usr/bin/ssh", "ssh", "ssh -J bastion host", "ssh"},
		{"/usr/bin/ssh", "ssh", "ssh -o ProxyCommand=x host", "ssh"},
		{"/usr/bin/ssh-agent", "ssh-agent", "ssh-agent", ""},
		{"/usr/bin/docker-proxy", "docker-proxy", "docker-proxy -proto tcp", "docker-proxy"},
		{"/usr/local/bin/rootlesskit", "rootlesskit", "rootlesskit", "rootlesskit"},
		{"/usr/bin/pasta.avx2", "pasta.avx2", "pasta --config-net", "pasta"},
		{"/usr/bin/slirp4netns", "slirp4netns",
			"/usr/bin/slirp4netns --mtu=65520 --enable-sandbox -c -e 3 -r 4 --netns-type=path /run/user/1000/netns/x tap0", "slirp4netns"},
		{"/usr/bin/qemu-system-x86_64", "qemu-system-x86_64", "", "qemu"},
		{"/usr/bin/qemu-img", "qemu-img", "", ""},
		{"/usr/bin/cloudflared", "cloudflared", "cloudflared tunnel run", "cloudflared"},
		{"/usr/local/bin/ngrok", "ngrok", "ngrok tcp 5432", "ngrok"},
		{"/usr/local/bin/ngrok", "ngrok", "/usr/local/bin/ngrok start --all --config /etc/ngrok.yml", "ngrok"},
		{"/usr/sbin/haproxy", "haproxy",
			"/usr/sbin/haproxy -Ws -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid -S /run/haproxy-master.sock", "haproxy"},
		{"/usr/share/code/bin/code-tunnel", "code-tunnel",
			"/usr/share/code/bin/code-tunnel --verbose tunnel service internal-run", "code-tunnel"},
		{`C:\Users\kim\AppData\Local\Programs\Microsoft VS Code Insiders\bin\code-tunnel-insiders.exe`, "code-tunnel-insiders.exe",
			"", "code-tunnel"},
		{"/home/kim/bin/code", "code", "./code tunnel --accept-server-license-terms", "code-cli"},
		{"/usr/share/code/code", "code", "/usr/share/code/code --type=utility", ""},
		{"/usr/bin/node", "node lt", "node /usr/bin/lt --port 80", "localtunnel"},
		{"/usr/bin/node", "node server.js", "node server.js", ""},
		{"/root/.vscode-server/cli/servers/Stable-1/server/node", "node server-main.js", "", "vscode-server"},
		{"/usr/sbin/nginx", "nginx", "nginx: worker process", "nginx"},
		{"", "", "nginx: worker process", "nginx"},
		{"/usr/bin/socat", "socat", "socat - TCP:127.0.0.1:5432", ""},
		{"/usr/bin/socat", "socat", "socat TCP-LISTEN:9,fork TCP:127.0.0.1:5432", "socat"},
		{"/usr/bin/socat", "socat", "socat unix-listen:/x TCP:127.0.0.1:5432", "socat"},
		{"/usr/bin/nc.openbsd", "nc", "nc 127.0.0.1 6379", ""},
		{"/usr/bin/ncat", "ncat", "ncat -l 9 -c cat", "netcat"},
		{"/usr/bin/kubectl", "kubectl", "kubectl get pods", ""},
		{"/usr/bin/kubectl", "kubectl", "kubectl -n a port-forward svc/b 5432", "kubectl"},
		{"/usr/lib/systemd/systemd", "systemd", "/sbin/init", ""},
		{"/sbin/init", "init", "init", ""},
		{"/init", "init", "/init", "wsl"},
		{`C:\Program Files\WSL\wslrelay.exe`, "wslrelay.exe", "", "wsl"},
		{`C:\Windows\System32\OpenSSH\sshd.exe`, "sshd.exe", "", "sshd"},
		{"/Applications/Docker.app/Contents/MacOS/com.docker.backend", "com.docker.backend", "", "docker-desktop"},
		{"/tmp/psql", "com.docker.backend", "com.docker.backend", ""}, // that it is this machine's own takes more than a name
		{"/opt/homebrew/bin/limactl", "limactl", "", "lima"},
		{"/usr/local/bin/limactl", "limactl",
			"limactl hostagent --pidfile /home/kim/.colima/_lima/colima/ha.pid --socket /home/kim/.colima/_lima/colima/ha.sock colima", "lima"},
		{"/opt/homebrew/Cellar/colima/0.7.5/bin/colima", "colima", "/opt/homebrew/bin/colima daemon start default --vmnet", "lima"},
		{"/opt/podman/bin/gvproxy", "gvproxy", "", "gvproxy"},
		{"/usr/local/lib/podman/gvproxy", "gvproxy",
			"/usr/local/lib/podman/gvproxy -mtu 1500 -ssh-port 41117 -listen-qemu unix:///run/user/1000/podman/gvproxy.sock", "gvproxy"},
		{"/Applications/OrbStack.app/Contents/MacOS/OrbStack", "OrbStack", "", "orbstack"},
		{"/Applications/OrbStack.app/Contents/Frameworks/OrbStack Helper.app/Contents/MacOS/OrbStack Helper", "OrbStack Helper",
			"", "orbstack"},
		{"/Applications/OrbStack.app/Contents/Frameworks/OrbStack Helper (VM).app/Contents/MacOS/OrbStack Helper (VM)",
			"OrbStack Helper (VM)", "", "orbstack"}, // of older versions
		{"/home/kim/gvproxy/psql", "gvproxy", "gvproxy -mtu 1500", ""},
		{"", "", "", ""},
	} {
		got := fabricated(t, held{}).Of(t.Context(), process(tc.exe, tc.program, tc.commandLine))
		name := ""
		if got != nil {
			name = got.Name
		}
		if name != tc.want {
			t.Errorf("%q %q %q: %+v, want %q", tc.exe, tc.program, tc.commandLine, got, tc.want)
		}
	}
	if got := fabricated(t, held{}).Of(t.Context(), nil); got != nil {
		t.Errorf("no process: %+v", got)
	}
}

func TestForwarderReason(t *testing.T) {
	rule := ForwarderRule{Name: "x", Programs: []string{"x", "node x"}, Why: "it carries"}
	for _, tc := range []struct{ exe, program, commandLine, want string }{
		{"/opt/x", "y", "z", "its executable is /opt/x; it carries"},
		{"/opt/node", "node x", "z", "it is called node x, which is only a name; it carries"},
		{"/opt/y", "y", "-x: z", "it calls itself x, which is only a name; it carries"},
	} {
		got := fabricated(t, held{}, rule).Of(t.Context(), process(tc.exe, tc.program, tc.commandLine))
		if got == nil || got.Reason != tc.want || got.PID != 7 {
			t.Errorf("%+v: %+v", tc, got)
		}
	}
}

// A configured rule comes before the table, and may say that what the table warns of is this machine's own.
func TestForwarderConfigured(t *testing.T) {
	bouncer := process("/usr/sbin/pgbouncer", "pgbouncer", "")
	if got := fabricated(t, held{}).Of(t.Context(), bouncer); got == nil || got.Name != "pooler" || got.Own {
		t.Errorf("%+v", got)
	}
	mine := ForwarderRule{Name: "mine", Programs: []string{"/usr/sbin/pgb*"}, Own: true, Far: "lan"}
	want := &flow.Forwarder{
		Name: "mine", PID: 7, Own: true, Zone: flow.ZoneLAN, Reason: "its executable is /usr/sbin/pgbouncer",
	}
	got := fabricated(t, held{}, mine).Of(t.Context(), bouncer)
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Error(diff)
	}
}

// sock is a connection of a process; listening is of somebody.
func sock(local, remote string, inode uint32) sockdiag.Socket {
	return sockdiag.Socket{
		Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote),
		State: sockdiag.Established, Inode: inode,
	}
}

func holding(listeners []string, own []uint32, connected ...sockdiag.Socket) held {
	h := held{connected: connected, listeners: map[uint16][]sockdiag.Socket{}, own: map[uint32]bool{}}
	for i, l := range listeners {
		at := netip.MustParseAddrPort(l)
		s := sockdiag.Socket{Local: at, State: sockdiag.Listen, Inode: uint32(900 + i)}
		h.listeners[at.Port()] = append(h.listeners[at.Port()], s)
	}
	for _, inode := range own {
		h.own[inode] = true
	}
	return h
}

func TestForwarderFar(t *testing.T) {
	const door = "127.0.0.1:5432"
	toDoor := sock("127.0.0.1:40000", door, 1)
	session := sock("10.99.0.1:22", "10.99.0.2:50000", 2)
	public := sock("10.99.0.1:22", "203.0.113.5:50000", 2)
	toServer := sock("10.99.0.1:4", "10.99.0.2:22", 2)
	local80, lan80, public80 := sock("127.0.0.1:80", "127.0.0.1:5", 3), sock("10.99.0.1:80", "10.99.0.7:5", 4),
		sock("10.99.0.1:80", "203.0.113.1:6", 5)
	back := sock("127.0.0.1:6010", "127.0.0.1:40002", 6) // in at a listener of ssh's own
	listening := []string{door, "0.0.0.0:22", "[::]:80", "127.0.0.1:6010"}
	has := func(connected ...sockdiag.Socket) held { return holding(listening, []uint32{902, 903}, connected...) }
	sshd, ssh := process("/usr/sbin/sshd", "sshd", ""), process("/usr/bin/ssh", "ssh", "ssh host")
	nginx, netcat := process("/usr/sbin/nginx", "nginx", ""), process("/usr/bin/nc", "nc", "nc 127.0.0.1 5432")
	http3 := has(toDoor, local80)
	http3.datagrams = true
	for name, tc := range map[string]struct {
		process *flow.Process
		held    held
		zone    flow.Zone
		far     string
		none    bool
	}{
		"sshd": {process: sshd, held: has(toDoor, session), zone: flow.ZoneLAN, far: "10.99.0.2:50000"},
		"sshd, two forwards and one the other way": {process: sshd, held: has(toDoor, toDoor, back, public),
			zone: flow.ZonePublic, far: "203.0.113.5:50000"},
		"sshd whose listener is gone":      {process: sshd, held: holding([]string{door}, nil, toDoor, session)},
		"sshd that may not be looked into": {process: sshd},
		"ssh that is the door's client":    {process: ssh, held: has(toDoor), none: true},
		"ssh that may not be looked into":  {process: ssh, none: true},
		"ssh -R": {process: ssh, held: has(toDoor, toServer),
			zone: flow.ZoneLAN, far: "10.99.0.2:22"},
		"ssh -R to an own address": {process: ssh, held: has(sock("10.99.0.1:5", "10.99.0.1:5432", 1), toServer),
			zone: flow.ZoneLAN, far: "10.99.0.2:22"},
		"ssh -R, and -L that is used": {process: ssh, held: has(toDoor, back, toServer), zone: flow.ZoneLAN,
			far: "10.99.0.2:22"},
		"ssh -R, its server on this host": {process: ssh, held: has(toDoor, sock("127.0.0.1:4", "127.0.0.1:22", 2)),
			zone: flow.ZoneLoopback},
		"nginx, one client":            {process: nginx, held: has(toDoor, lan80), zone: flow.ZoneLAN, far: "10.99.0.7:5"},
		"nginx, clients from one zone": {process: nginx, held: has(toDoor, local80, local80), zone: flow.ZoneLoopback},
		"nginx, clients from anywhere": {process: nginx, held: has(toDoor, local80, public80)},
		"nginx, perhaps by HTTP/3":     {process: nginx, held: http3},
		"nginx, nobody":                {process: nginx, held: has(toDoor)},
		"cloudflared":                  {process: process("/usr/bin/cloudflared", "", ""), zone: flow.ZonePublic},
		"tailscaled":                   {process: process("/usr/sbin/tailscaled", "", ""), held: has(toDoor, toServer)},
		"netcat with two": {process: netcat, held: has(toDoor, local80), zone: flow.ZoneLoopback,
			far: "127.0.0.1:5"},
		"netcat with one": {process: netcat, held: has(toDoor), none: true},
	} {
		t.Run(name, func(t *testing.T) {
			got := fabricated(t, tc.held).Of(t.Context(), tc.process)
			if tc.none || got == nil {
				if !tc.none || got != nil {
					t.Fatalf("%+v", got)
				}
				return
			}
			far := netip.AddrPort{}
			if tc.far != "" {
				far = netip.MustParseAddrPort(tc.far)
			}
			if got.Zone != tc.zone || got.Far != far {
				t.Errorf("%v %v; want %v %v", got.Zone, got.Far, tc.zone, far)
			}
		})
	}
}

// The far end of a session stays what it is, and one that could not be told is not looked for at once again; that of a
// proxy is another one each time.
func TestForwarderRemembers(t *testing.T) {
	toDoor, session := sock("127.0.0.1:40000", "127.0.0.1:5432", 1), sock("10.99.0.1:22", "10.99.0.2:5", 2)
	served := holding([]string{"0.0.0.0:22"}, nil, toDoor, session)
	for name, tc := range map[string]struct {
		process *flow.Process
		held    held
		keep    time.Duration
	}{
		"session":       {process("/usr/sbin/sshd", "sshd", ""), served, keepSession},
		"unknown":       {process("/usr/sbin/sshd", "sshd", ""), held{}, keepUnknown},
		"proxy":         {process("/usr/sbin/nginx", "nginx", ""), served, 0},
		"unknown proxy": {process("/usr/sbin/nginx", "nginx", ""), held{}, keepUnknown},
		"no forwarder":  {process("/usr/bin/ssh", "ssh", "ssh host"), held{}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := fabricated(t, held{})
			looks := 0
			f.held = func(context.Context, procfs.FS, *flow.Process) (held, error) { looks++; return tc.held, nil }
			other := *tc.process
			other.Started = time.Now()
			want := 1
			for _, step := range []struct {
				after time.Duration
				of    *flow.Process
				again bool // that it is looked for
			}{
				{0, tc.process, tc.keep == 0}, {0, &other, true}, {tc.keep - 1, tc.process, tc.keep == 0}, {1, tc.process, true},
			} {
				if looks == 0 {
					f.Of(t.Context(), tc.process)
				}
				<-time.After(step.after)
				if step.again {
					want++
				}
				if f.Of(t.Context(), step.of); looks != want {
					t.Errorf("%s, after %v: %d looks, want %d", name, step.after, looks, want)
				}
			}
		})
	}
}

// Without a zone no address is called far: the only other end may be the door.
func TestForwarderWithoutZone(t *testing.T) {
	f, err := NewForwarders(ForwardersConfig{})
	if err != nil {
		t.Fatal(err)
	}
	f.held = func(context.Context, procfs.FS, *flow.Process) (held, error) {
		return holding(nil, nil, sock("127.0.0.1:1", "127.0.0.1:5432", 1)), nil
	}
	got := f.Of(t.Context(), process("/usr/bin/frpc", "frpc", ""))
	if got == nil || got.Zone != flow.ZoneUnknown || got.Far.IsValid() {
		t.Errorf("%+v", got)
	}
}

func TestForwarderRuleValidate(t *testing.T) {
	good := ForwarderRule{Name: "x", Programs: []string{"x"}}
	for want, change := range map[string]func(*ForwarderRule){
		"":           func(*ForwarderRule) {},
		"name:":      func(r *ForwarderRule) { r.Name = "" },
		"name: ":     func(r *ForwarderRule) { r.Name = "a\nb" },
		"name:  ":    func(r *ForwarderRule) { r.Name = "true" },
		"programs:":  func(r *ForwarderRule) { r.Programs = nil },
		"programs: ": func(r *ForwarderRule) { r.Programs = []string{"*"} },
		"arguments:": func(r *ForwarderRule) { r.Arguments = []string{"a*b"} },
		"far:":       func(r *ForwarderRule) { r.Far = "mars" },
	} {
		r := good
		change(&r)
		err := r.Validate()
		said := err != nil && strings.HasPrefix(err.Error(), strings.TrimSpace(want))
		if want == "" && err != nil || want != "" && !said {
			t.Errorf("%q: %v", want, err)
		}
		if _, errNew := NewForwarders(ForwardersConfig{Extra: []ForwarderRule{r}}); (errNew == nil) != (want == "") {
			t.Errorf("%q: NewForwarders: %v", want, errNew)
		}
	}
}

func TestForwarderTable(t *testing.T) {
	names := map[string]bool{}
	programs := map[string]string{}
	var errs []error
	for _, r := range ForwarderTable() {
		errs = append(errs, r.Validate())
		if names[r.Name] || r.Why == "" {
			t.Errorf("%s: twice, or without a reason: %q", r.Name, r.Why)
		}
		names[r.Name] = true
		for _, p := range r.Programs {
			if other := programs[p]; other != "" {
				t.Errorf("%s is %s and %s", p, other, r.Name)
			}
			programs[p] = r.Name
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if len(names) < 40 {
		t.Errorf("only %v", slices.Sorted(maps.Keys(names)))
	}
}

// BenchmarkForwardersOfAClient is what a session of somebody who forwards nothing costs.
func BenchmarkForwardersOfAClient(b *testing.B) {
	f, err := NewForwarders(ForwardersConfig{})
	if err != nil {
		b.Fatal(err)
	}
	psql := process("/usr/lib/postgresql/15/bin/psql", "psql", "psql -h 127.0.0.1")
	for b.Loop() {
		if f.Of(b.Context(), psql) != nil {
			b.Fatal("a client is a forwarder")
		}
	}
}

// A door carries others' connections; the command that checks one speaks for itself.
func TestLodoorAmongForwarders(t *testing.T) {
	f, err := NewForwarders(ForwardersConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]bool{"lodoor run 62893:5432": true, "lodoor demo": true, "lodoor check 62893": false} {
		p := &flow.Process{PID: 1 << 30, Program: "lodoor", CommandLine: line, Executable: flow.Executable{Path: "/usr/bin/lodoor"}}
		if got := f.Of(t.Context(), p) != nil; got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}
