package alert_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// carriedBy is a session whose process was found out after it was let in.
func carriedBy(service string, f *flow.Forwarder) flow.Record {
	return flow.Record{
		Event: flow.EventSessionOrigin, Service: service,
		Peer: &flow.Peer{
			Addr: netip.MustParseAddrPort("127.0.0.1:51234"), Zone: flow.ZoneLoopback, Proof: flow.ProofIngress,
		},
		Origin: &flow.Origin{
			Attribution: flow.AttributionLiveSocket, UID: 1000, User: "alice", PID: 7, Program: "sshd", Forwarder: f,
			Process: &flow.Process{PID: 7, Program: "sshd", CommandLine: "sshd --token=s3cr3t", WorkingDirectory: "/s3cr3t"},
		},
	}
}

func sshd(zone flow.Zone, far string) *flow.Forwarder {
	f := &flow.Forwarder{Name: "sshd", PID: 4242, Zone: zone, Reason: "its executable is /usr/sbin/sshd"}
	if far != "" {
		f.Far = netip.MustParseAddrPort(far)
	}
	return f
}

func TestForwarders(t *testing.T) {
	own := &flow.Forwarder{Name: "vpnkit", PID: 9, Own: true, Reason: "its executable is vpnkit"}
	const rule = "; a rule with forwarder: [sshd] and action: deny refuses it"
	tests := []struct {
		name     string
		f        *flow.Forwarder
		severity flow.Severity
		message  string // empty: no alert
	}{
		{"from elsewhere", sshd(flow.ZoneLAN, "192.0.2.7:50000"), flow.SeverityCritical,
			"pg: let in a connection through sshd: its far end is 192.0.2.7:50000 (zone lan); pid 4242: " +
				"its executable is /usr/sbin/sshd" + rule},
		{"several from elsewhere", sshd(flow.ZonePublic, ""), flow.SeverityCritical,
			"pg: let in a connection through sshd: its far end is in zone public; pid 4242: " +
				"its executable is /usr/sbin/sshd" + rule},
		{"vpn", sshd(flow.ZoneVPN, ""), flow.SeverityCritical,
			"pg: let in a connection through sshd: its far end is in zone vpn; pid 4242: " +
				"its executable is /usr/sbin/sshd" + rule},
		{"link-local", sshd(flow.ZoneLinkLocal, "[fe80::1]:5"), flow.SeverityCritical,
			"pg: let in a connection through sshd: its far end is [fe80::1]:5 (zone linklocal); pid 4242: " +
				"its executable is /usr/sbin/sshd" + rule},
		{"container", sshd(flow.ZoneContainer, "172.17.0.2:5"), flow.SeverityWarning,
			"pg: let in a connection through sshd: its far end is 172.17.0.2:5 (zone container); pid 4242: " +
				"its executable is /usr/sbin/sshd" + rule},
		{"unknown", &flow.Forwarder{Name: "socat"}, flow.SeverityWarning,
			"pg: let in a connection through socat: where its far end is could not be found out" +
				strings.Replace(rule, "sshd", "socat", 1)},
		{"own", own, flow.SeverityInfo, "pg: let in a connection through vpnkit: it carries this machine's own connections; " +
			"pid 9: its executable is vpnkit"},
		{"a local proxy of a local client", sshd(flow.ZoneLoopback, "127.0.0.1:5"), 0, ""},
		{"of an own address", sshd(flow.ZoneSelf, ""), 0, ""},
		{"none", nil, 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, e := range []flow.Event{flow.EventSessionOpen, flow.EventSessionOrigin} {
				b := newBell(t)
				r := carriedBy("pg", test.f)
				r.Event = e
				got := b.give(r)
				if !b.a.Wants(e) {
					t.Errorf("%s is not wanted", e)
				}
				if test.message == "" {
					want(t, got)
					continue
				}
				want(t, got, test.message)
				if a := b.last(); a.Condition != "forwarder" || a.Severity != test.severity || a.Count != 1 {
					t.Errorf("alert %+v", a)
				}
			}
		})
	}
}

// A forwarder is told once for each service, then counted; whoever opens connections through it makes no noise.
func TestForwarderIsToldOnceForEachService(t *testing.T) {
	b := newBell(t)
	near, far := sshd(flow.ZoneLAN, "192.0.2.7:1"), sshd(flow.ZoneLAN, "192.0.2.8:2")
	if got := b.give(carriedBy("pg", near), carriedBy("redis", near), carriedBy("pg", far)); len(got) != 2 {
		t.Errorf("got %q, want one alert for each service", got)
	}
	other := sshd(flow.ZoneLAN, "")
	other.Name = "cloudflared"
	if got := b.give(carriedBy("pg", other)); len(got) != 1 || !strings.Contains(got[0], "through cloudflared") {
		t.Errorf("another forwarder: %q", got)
	}
	// The close says the same origin again, and is the same session.
	end := carriedBy("pg", near)
	end.Event, end.Outcome = flow.EventSessionClose, &flow.Outcome{End: flow.EndFIN}
	want(t, b.give(end))
	got := b.pass(time.Minute)
	if len(got) != 1 || !strings.HasPrefix(got[0], "pg: let in 2 connections through sshd: its far end is 192.0.2.8:2") {
		t.Fatalf("the repeat is %q", got)
	}
	if a := b.last(); !a.Repeat || a.Count != 2 || len(a.Sample) != 2 || a.Sample[0] != near.Far {
		t.Errorf("the repeat is %+v", a)
	}
}

// Where a connection comes from may be seen later than that it is carried.
func TestWhatMattersMoreIsToldAtOnce(t *testing.T) {
	b := newBell(t)
	if got := b.give(carriedBy("pg", sshd(flow.ZoneUnknown, ""))); len(got) != 1 {
		t.Fatalf("got %q", got)
	}
	if got := b.give(carriedBy("pg", sshd(flow.ZoneUnknown, ""))); len(got) != 0 {
		t.Errorf("told twice: %q", got)
	}
	if got := b.give(carriedBy("pg", sshd(flow.ZonePublic, "192.0.2.7:1"))); len(got) != 1 {
		t.Errorf("got %q", got)
	}
	if a := b.last(); a.Severity != flow.SeverityCritical || !a.Repeat || a.Count != 3 {
		t.Errorf("alert %+v", a)
	}
	if got := b.give(carriedBy("pg", sshd(flow.ZonePublic, "192.0.2.7:1"))); len(got) != 0 {
		t.Errorf("told again: %q", got)
	}
}

// In observe mode a carried session that a rule would refuse is two affairs.
func TestObservedAndCarried(t *testing.T) {
	b := newBell(t)
	r := carriedBy("pg", sshd(flow.ZoneLAN, "192.0.2.7:1"))
	r.Event = flow.EventSessionOpen
	r.Verdict = &flow.Verdict{Action: flow.WouldDeny, Cause: flow.CauseRule, Reason: "the reason"}
	got := b.give(r)
	if len(got) != 2 || !strings.Contains(got[0], "would have refused") || !strings.Contains(got[1], "through sshd") {
		t.Errorf("got %q", got)
	}
}

func gated(cause flow.Cause, reason string) flow.Record {
	r := refused("redis", flow.ZoneLoopback, cause, netip.MustParseAddrPort("127.0.0.1:51234"))
	v := &flow.Verdict{Action: flow.Deny, Rule: "gate.http", Cause: cause, Reason: reason}
	r.Event, r.Refusal, r.Verdict = flow.EventSessionClose, nil, v
	r.Outcome = &flow.Outcome{Known: true, End: flow.EndDenied, EndedBy: flow.SideLodoor, Refused: v}
	return r
}

func TestGates(t *testing.T) {
	const reason = "an HTTP request at a redis door: GET / HTTP/1.1, Host evil.example"
	named := gated(flow.CauseProtocol, reason)
	named.Origin = &flow.Origin{
		Attribution: flow.AttributionLiveSocket, PID: 77, Program: "firefox",
		Process: &flow.Process{CommandLine: "firefox s3cr3t"},
	}
	header := refused("redis", flow.ZoneLoopback, flow.CauseHeader, netip.MustParseAddrPort("127.0.0.1:51234"))
	tests := []struct {
		name      string
		r         flow.Record
		condition string
		severity  flow.Severity
		message   string
	}{
		{"protocol", gated(flow.CauseProtocol, reason), "cross_protocol", flow.SeverityCritical,
			"redis: refused 127.0.0.1:51234: " + reason},
		{"host", gated(flow.CauseHost, "Host evil.example"), "cross_protocol", flow.SeverityCritical,
			"redis: refused 127.0.0.1:51234: Host evil.example"},
		{"by whom", named, "cross_protocol", flow.SeverityCritical,
			"redis: refused 127.0.0.1:51234: " + reason + "; it came from firefox (pid 77)"},
		{"another cause", gated(flow.CauseRule, "x"), "denied", flow.SeverityWarning,
			"redis: refused 127.0.0.1:51234: x"},
		{"no cause", gated(flow.CauseNone, "x"), "denied", flow.SeverityWarning, "redis: refused 127.0.0.1:51234: x"},
		{"header", header, "denied", flow.SeverityWarning, "redis: refused 127.0.0.1:51234: the reason"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBell(t)
			want(t, b.give(test.r), test.message)
			if a := b.last(); a.Condition != test.condition || a.Severity != test.severity || a.Zone != flow.ZoneLoopback {
				t.Errorf("alert %+v", a)
			}
		})
	}
}

// P14: what leaves the machine has no command line in it, redacted or not, and nothing else of a process but its program.
func TestCommandLinesDoNotLeave(t *testing.T) {
	b := newBell(t)
	closedByGate := gated(flow.CauseProtocol, "the reason")
	closedByGate.Origin = carriedBy("", nil).Origin
	denied := carriedBy("pg", nil)
	denied.Event, denied.Verdict = flow.EventSessionRefused, &flow.Verdict{Cause: flow.CauseRule, Reason: "the reason"}
	down := carriedBy("pg", nil)
	down.Event, down.Outcome = flow.EventSessionClose, &flow.Outcome{End: flow.EndDialRefused}
	b.give(carriedBy("pg", sshd(flow.ZoneLAN, "192.0.2.7:1")), closedByGate, denied, down)
	if len(b.rang) != 4 {
		t.Fatalf("%d of 4 alerts", len(b.rang))
	}
	for _, r := range b.rang {
		if all := fmt.Sprintf("%+v %+v", r, *r.Alert); strings.Contains(all, "s3cr3t") {
			t.Errorf("a secret is in %s", all)
		}
		if r.Origin != nil || r.Peer != nil {
			t.Errorf("an alert has more of a process than its words: %+v", r)
		}
	}
	if a := b.rang[0].Alert; a.Condition != "forwarder" || fmt.Sprint(a.Sample) != "[192.0.2.7:1]" {
		t.Errorf("the alert of a forwarder is %+v", a)
	}
	if a := b.rang[1].Alert; a.Condition != "cross_protocol" || a.Severity != flow.SeverityCritical {
		t.Errorf("the alert of a gate's refusal is %+v", a)
	}
}
