package proxyproto

import (
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

func process(pid int, uid uint32, path string) *flow.Process {
	return &flow.Process{PID: pid, UID: uid, Executable: flow.Executable{Path: path}}
}

// by is a peer's origin: who is found behind it.
func by(uid uint32, all ...*flow.Process) flow.Origin {
	o := flow.Origin{Attribution: flow.AttributionUIDOnly, UID: uid}
	if len(all) > 0 {
		o.Attribution, o.Process = flow.AttributionLiveSocket, all[0]
	}
	if len(all) > 1 {
		o.Holders = all
	}
	return o
}

func TestTrust(t *testing.T) {
	const haproxy, nginx = "/usr/sbin/haproxy", "/usr/sbin/nginx"
	disguised := flow.Peer{Addr: local().Addr, Zone: flow.ZoneLoopback}
	unix := flow.Peer{Path: "/run/front.sock", Zone: flow.ZoneUnix, Proof: flow.ProofUnix}
	zones := From{Zones: []flow.Zone{flow.ZoneLoopback, flow.ZoneLAN}}
	users := From{Users: []string{"haproxy", "33"}}
	programs := From{Executables: []string{haproxy, nginx}}
	all := From{Zones: zones.Zones, Users: users.Users, Executables: programs.Executables}
	for _, tc := range []struct {
		name   string
		from   From
		peer   flow.Peer
		origin flow.Origin
		sought bool
		want   flow.Action
		why    string
	}{
		{"zone", zones, *local(), flow.Origin{}, false, flow.Allow, ""},
		{"zone of another host", zones, *remote(), flow.Origin{}, false, flow.Allow, ""},
		{"another zone", From{Zones: []flow.Zone{flow.ZoneContainer}}, *remote(), flow.Origin{}, false, flow.Deny,
			"192.168.1.9 is not trusted to send the PROXY header that this service requires: it is in zone lan; if it is a proxy of yours, add lan to proxy_protocol.from.zones"},
		{"unknown zone", zones, flow.Peer{Addr: remote().Addr}, flow.Origin{}, false, flow.Deny, "zone unknown"},
		{"unknown zone is public", From{Zones: []flow.Zone{flow.ZonePublic}}, flow.Peer{Addr: remote().Addr}, flow.Origin{}, false, flow.Allow, ""},
		{"disguised", zones, disguised, flow.Origin{}, false, flow.Deny, "claims to be on this host"},
		{"disguised, never a search", programs, disguised, flow.Origin{}, false, flow.Deny, "claims to be on this host"},
		{"Unix socket", zones, unix, flow.Origin{}, false, flow.Deny, "a peer at the Unix socket /run/front.sock is not trusted"},

		{"user", users, *local(), by(101), false, flow.Allow, ""},
		{"user by number", users, unix, by(33), false, flow.Allow, ""},
		{"another user", users, *local(), flow.Origin{Attribution: flow.AttributionUIDOnly, UID: 1000, User: "bob"}, false, flow.Deny,
			"it belongs to user bob (uid 1000); if that is a proxy's, add it to proxy_protocol.from.users"},
		{"user without a name", users, *local(), by(1000), true, flow.Deny, "user 1000 (uid 1000)"},
		{"root is not no user", From{Users: []string{"0"}}, *local(), flow.Origin{}, true, flow.Deny, "its user is not known"},
		{"user not known yet", users, *local(), flow.Origin{}, false, flow.Need, ""},
		{"user not known", users, *local(), flow.Origin{}, true, flow.Deny, "its user is not known"},
		{"user of another host", users, *remote(), flow.Origin{}, false, flow.Deny, "its user is not known"},
		{"another user holds it, too", users, *local(), by(101, process(7, 101, haproxy), process(8, 1000, haproxy)), true, flow.Deny,
			"process 8 holds it, too, which belongs to user 1000"},

		{"program", programs, *local(), by(101, process(7, 101, haproxy)), false, flow.Allow, ""},
		{"programs", programs, *local(), by(101, process(7, 101, haproxy), process(8, 33, nginx)), true, flow.Allow, ""},
		{"another program", programs, *local(), by(101, process(7, 101, "/tmp/ha\x1bproxy")), true, flow.Deny, `process 7 runs "/tmp/ha\x1bproxy"`},
		{"one of several", programs, *local(), by(101, process(7, 101, haproxy), process(8, 101, "/bin/sh")), true, flow.Deny, "process 8 runs"},
		{"one of several not known", programs, *local(), by(101, process(7, 101, haproxy), process(8, 101, "")), true, flow.Deny, "its process is not known"},
		{"program not known yet", programs, *local(), by(101), false, flow.Need, ""},
		{"program's file not known yet", programs, *local(), by(101, process(7, 101, "")), false, flow.Need, ""},
		{"program not known", programs, *local(), by(101), true, flow.Deny, "its process is not known"},
		{"program of another host", programs, *remote(), flow.Origin{}, false, flow.Deny, "its process is not known"},

		{"all", all, *local(), by(101, process(7, 101, haproxy)), true, flow.Allow, ""},
		{"all, a search", all, *local(), by(101), false, flow.Need, ""},
		{"all but the zone", all, unix, by(101), false, flow.Deny, "zone unix"},
		{"all but the user", all, *local(), by(1), false, flow.Deny, "uid 1"},
		{"all but the program", all, *local(), by(101, process(7, 101, "/bin/sh")), false, flow.Deny, "/bin/sh"},
	} {
		f := &flow.Facts{Peer: tc.peer, Origin: tc.origin, Sought: tc.sought}
		v := reader(t, tc.from).Trust(f)
		rule, cause := ruleHeader, flow.CauseHeader
		if tc.peer.Disguised() {
			rule, cause = ruleDisguised, flow.CauseDisguised
		}
		switch {
		case v.Action != tc.want || !strings.Contains(v.Reason, tc.why):
			t.Errorf("%s: %+v, want %s: %s", tc.name, v, tc.want, tc.why)
		case v.Action == flow.Deny && (v.Rule != rule || v.Cause != cause || v.Reason == ""):
			t.Errorf("%s: %+v, want rule %s", tc.name, v, rule)
		}
	}
}

func TestSettings(t *testing.T) {
	loopback := From{Zones: []flow.Zone{flow.ZoneLoopback}}
	for _, tc := range []struct {
		settings Settings
		want     string // the error's start; empty is none
	}{
		{Settings{From: loopback}, ""},
		{Settings{From: loopback, Timeout: time.Second}, ""},
		{Settings{From: From{Users: []string{"haproxy"}, Executables: []string{"/usr/sbin/haproxy"}}}, ""},
		{Settings{}, "from: nobody is trusted to send the header: write who is, as in from: {users: [haproxy]}"},
		{Settings{From: From{Zones: []flow.Zone{}}}, "from: nobody is trusted"},
		{Settings{From: loopback, Timeout: -1}, "timeout: -1ns: expected"},
		{Settings{From: loopback, Timeout: 3}, "timeout: 3ns: shorter than a millisecond"},
		{Settings{From: From{Zones: []flow.Zone{flow.ZoneLAN, 99}}}, "from.zones[1]: unknown zone"},
		{Settings{From: From{Users: []string{"haproxy", " "}}}, "from.users[1]: \" \": expected a user's name"},
		{Settings{From: From{Executables: []string{"haproxy"}}}, "from.executables[0]: \"haproxy\": expected the whole path"},
		{Settings{From: From{Executables: []string{"/usr/../sbin/haproxy"}}}, "from.executables[0]"},
	} {
		err := tc.settings.Validate()
		if (err == nil) != (tc.want == "") || err != nil && !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want %s", tc.settings, err, tc.want)
		}
	}
}

func TestNew(t *testing.T) {
	for user, want := range map[string]string{
		"lodoor-has-no-such-user": `from.users[0]: unknown user "lodoor-has-no-such-user"`, "4294967295": "from.users[0]: user number", "": "from.users[0]",
	} {
		r, err := New(Config{Settings: Settings{From: From{Users: []string{user}}}, Zone: zoneOf})
		if r != nil || err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", user, err, want)
		}
	}
	if r := anyReader(t); r.Timeout() != 3*time.Second {
		t.Errorf("the timeout is %v", r.Timeout())
	}
	r, err := New(Config{Settings: Settings{From: From{Zones: []flow.Zone{flow.ZoneLAN}}, Timeout: time.Minute}, Zone: zoneOf})
	if err != nil || r.Timeout() != time.Minute {
		t.Errorf("%v, %v", r, err)
	}
}

func TestWarnings(t *testing.T) {
	for _, tc := range []struct {
		from From
		want string
	}{
		{From{Zones: []flow.Zone{flow.ZoneContainer}}, ""},
		{From{Zones: []flow.Zone{flow.ZoneLAN, flow.ZoneLoopback}}, "from.zones: every program on this host"},
		{From{Zones: []flow.Zone{flow.ZoneLoopback}, Users: []string{"haproxy"}}, ""},
		{From{Executables: []string{"/usr/sbin/haproxy"}}, "from.executables: the path is what the process itself sees"},
	} {
		got := strings.Join(Settings{From: tc.from}.Warnings(), "\n")
		if !strings.HasPrefix(got, tc.want) || (got == "") != (tc.want == "") {
			t.Errorf("%+v: %q, want %q", tc.from, got, tc.want)
		}
	}
}
