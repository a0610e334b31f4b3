package terminal_test

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

func id(s string) (id flow.SessionID) {
	copy(id[:], s+"0000000000000000")
	return id
}

func at() time.Time { return time.Date(2025, 3, 4, 15, 4, 5, 123456789, time.UTC) }

func psql() *flow.Origin {
	return &flow.Origin{Attribution: flow.AttributionLiveSocket, UID: 1000, User: "alice", PID: 42, Program: "psql"}
}

func local() *flow.Peer {
	return &flow.Peer{Addr: netip.MustParseAddrPort("127.0.0.1:51234"), Zone: flow.ZoneLoopback, Proof: flow.ProofIngress}
}

func distant() *flow.Peer {
	return &flow.Peer{Addr: netip.MustParseAddrPort("192.0.2.7:4444"), Zone: flow.ZonePublic}
}

func backend() *flow.Endpoint { return &flow.Endpoint{Host: "localhost", Port: 5432} }

func opened() flow.Record {
	return flow.Record{
		Time: at(), Event: flow.EventSessionOpen, Service: "pg", Session: id("k3v9qd"), Peer: local(), Origin: psql(),
		Backend: backend(), Verdict: &flow.Verdict{Action: flow.Allow, Rule: "builtin.local"},
	}
}

// searched is an open whose peer's process is not known yet.
func searched() flow.Record {
	r := opened()
	r.Origin = &flow.Origin{Attribution: flow.AttributionUIDOnly, UID: 1000, User: "alice"}
	return r
}

// found is the answer for it.
func found(o *flow.Origin) flow.Record {
	r := opened()
	r.Event, r.Origin, r.Backend, r.Verdict = flow.EventSessionOrigin, o, nil, nil
	return r
}

// carried is psql's origin, as if the process were a forwarder.
func carried(f flow.Forwarder) *flow.Origin {
	o := psql()
	o.Program, o.Forwarder = f.Name, &f
	return o
}

func sshd() flow.Forwarder {
	return flow.Forwarder{
		Name: "sshd", PID: 42, Zone: flow.ZoneLAN, Far: netip.MustParseAddrPort("192.0.2.7:50000"), Reason: "x",
	}
}

// inherited is a socket that three processes and more hold.
func inherited(more int) *flow.Origin {
	o := psql()
	for i := range 3 + more {
		o.Holders = append(o.Holders, &flow.Process{PID: 42 + i, Program: "psql"})
	}
	return o
}

func closed(o flow.Outcome) flow.Record {
	r := opened()
	r.Event, r.Outcome = flow.EventSessionClose, &o
	return r
}

func refused(f flow.Refusal) flow.Record {
	return flow.Record{
		Time: at(), Event: flow.EventSessionRefused, Service: "pg", Peer: distant(), Refusal: &f,
		Verdict: &flow.Verdict{
			Cause: flow.CauseNonLocal, Reason: "192.0.2.7 is in zone public; only local peers are let in",
		},
	}
}

func alert() flow.Record {
	return flow.Record{Time: at(), Event: flow.EventAlert, Service: "pg", Alert: &flow.Alert{
		Condition: "non_local_peer", Severity: flow.SeverityCritical, Zone: flow.ZonePublic, Count: 1,
		Message: "pg: refused 192.0.2.7:4444",
	}}
}

func resolved() flow.Record {
	r := alert()
	r.Alert.Resolved, r.Alert.Silenced, r.Alert.Message = true, true, "pg: nobody came for 10m"
	return r
}

func asked(o flow.Operation) flow.Record {
	o.Started = at().Add(-1200 * time.Microsecond)
	return flow.Record{Time: at(), Event: flow.EventOperation, Service: "pg", Session: id("k3v9qd"), Origin: psql(), Operation: &o}
}

func beat(b flow.Beat) flow.Record {
	return flow.Record{Time: at(), Event: flow.EventJournalHeartbeat, Beat: &b}
}

func TestLines(t *testing.T) {
	ordinary := flow.Outcome{
		Known: true, FromClient: 1229, FromBackend: 3 << 20, Duration: 1204 * time.Millisecond, End: flow.EndFIN,
		EndedBy: flow.SideClient,
	}
	reset := ordinary
	reset.End = flow.EndReset
	down := flow.Outcome{Known: true, Duration: 812 * time.Microsecond, End: flow.EndDialRefused, EndedBy: flow.SideLodoor}
	idle := flow.Outcome{Known: true, Duration: 5 * time.Minute, End: flow.EndIdleTimeout, Detail: "idle for 5m"}
	observed := opened()
	observed.Peer, observed.Origin = distant(), nil
	observed.Verdict = &flow.Verdict{Action: flow.WouldDeny, Rule: "x", Cause: flow.CauseRule, Reason: "rule x"}
	unix := opened()
	unix.Peer = &flow.Peer{Path: "/run/pg", Zone: flow.ZoneUnix, Proof: flow.ProofUnix}
	unix.Origin = &flow.Origin{Attribution: flow.AttributionUIDOnly, UID: 1000}
	many := flow.Refusal{Count: 212, Distinct: 200, DistinctCapped: true}
	gated := flow.Outcome{
		Known: true, Duration: time.Millisecond, FromClient: 70, End: flow.EndDenied, EndedBy: flow.SideLodoor,
		Refused: &flow.Verdict{
			Cause: flow.CauseProtocol, Reason: "an HTTP request at a redis door: GET / HTTP/1.1, Host evil.example",
		},
	}
	with := func(o *flow.Origin) flow.Record { r := opened(); r.Origin = o; return r }
	late := func(o *flow.Origin) flow.Record { r := closed(ordinary); r.Origin = o; return r }
	conveyed, conveyedBlind := opened(), opened()
	conveyed.Origin.Program, conveyed.Origin.User = "haproxy", "haproxy"
	conveyed.Peer.Conveyed = &flow.Conveyed{Client: netip.MustParseAddrPort("203.0.113.9:4711")}
	conveyedBlind.Origin, conveyedBlind.Peer.Conveyed = nil, conveyed.Peer.Conveyed
	node := psql()
	node.Program, node.PID = "python -m pytest", 42117
	stranger := closed(ordinary)
	stranger.Peer, stranger.Origin = distant(), nil
	journal := func(e flow.Event, j flow.Journal) flow.Record { return flow.Record{Time: at(), Event: e, Journal: &j} }

	tests := []struct {
		name string
		r    flow.Record
		want string
	}{
		{"open", opened(), "open      k3v9qd  psql[42] (alice)          127.0.0.1:51234"},
		{"open through a unix socket, user without a name", unix, "open      k3v9qd  uid 1000                  unix"},
		{"long program", with(node), "open      k3v9qd  python -…[42117] (alice)  127.0.0.1:51234"},
		{"forwarder", with(carried(sshd())),
			"open      k3v9qd  sshd[42] (alice)          127.0.0.1:51234        via sshd from 192.0.2.7 (lan)"},
		{"forwarder, several far ends", with(carried(flow.Forwarder{Name: "socat", Zone: flow.ZonePublic})),
			"open      k3v9qd  socat[42] (alice)         127.0.0.1:51234        via socat from zone public"},
		{"forwarder from nobody knows where", with(carried(flow.Forwarder{Name: "sshd"})),
			"open      k3v9qd  sshd[42] (alice)          127.0.0.1:51234        via sshd, from where is not known"},
		{"this machine's own", with(carried(flow.Forwarder{Name: "vpnkit", Own: true})),
			"open      k3v9qd  vpnkit[42] (alice)        127.0.0.1:51234        via vpnkit, this machine's own"},
		{"conveyed", conveyed, "open      k3v9qd  haproxy[42] (haproxy)     203.0.113.9:4711 via haproxy"},
		{"conveyed by an unknown program", conveyedBlind,
			"open      k3v9qd  -                         203.0.113.9:4711 via 127.0.0.1:51234"},
		{"several holders", with(inherited(0)),
			"open      k3v9qd  psql[42] (alice)          127.0.0.1:51234        held by psql[42], psql[43], psql[44]"},
		{"origin", found(carried(sshd())),
			"origin    k3v9qd  sshd[42] (alice)          127.0.0.1:51234        via sshd from 192.0.2.7 (lan)"},
		{"origin of many holders", found(inherited(9)), "origin    k3v9qd  psql[42] (alice)          127.0.0.1:51234" +
			"        held by psql[42], psql[43], psql[44], 9 more"},
		{"close", closed(ordinary),
			"close     k3v9qd  psql (alice)                1.204s   1.2 KiB  up     3 MiB  down"},
		{"reset", closed(reset),
			"close     k3v9qd  psql (alice)                1.204s   1.2 KiB  up     3 MiB  down  reset by client"},
		{"close of a stranger", stranger,
			"close     k3v9qd  192.0.2.7:4444              1.204s   1.2 KiB  up     3 MiB  down"},
		{"close of a carried session", late(carried(sshd())), "close     k3v9qd  sshd (alice)                1.204s" +
			"   1.2 KiB  up     3 MiB  down  via sshd from 192.0.2.7 (lan)"},
		{"backend down", closed(down),
			"close     k3v9qd  psql (alice)                 812µs  backend down: nothing listens on localhost:5432"},
		{"refused by a gate", closed(gated), "close     k3v9qd  psql (alice)                   1ms  " +
			"refused: an HTTP request at a redis door: GET / HTTP/1.1, Host evil.example"},
		{"idle", closed(idle),
			"close     k3v9qd  psql (alice)                  5m0s       0 B  up       0 B  down  idle for 5m"},
		{"crash", closed(flow.Outcome{End: flow.EndCrashRecovered}),
			"close     k3v9qd  psql (alice)              duration and bytes unknown  lodoor died while it was open"},
		{"refused", refused(flow.Refusal{Count: 1}),
			"REFUSED   -       -                         192.0.2.7:4444         " +
				"192.0.2.7 is in zone public; only local peers are let in"},
		{"many refused", refused(many),
			"REFUSED   -       -                         192.0.2.7:4444         and 211 more, from at least 200 addresses: " +
				"192.0.2.7 is in zone public; only local peers are let in"},
		{"observed", observed,
			"OBSERVED  k3v9qd  -                         192.0.2.7:4444         let in, would be refused: rule x"},
		{"alert", alert(), "ALERT     CRITICAL  pg: refused 192.0.2.7:4444  [non_local_peer]"},
		{"alert that is over and silenced", resolved(),
			"RESOLVED  CRITICAL  pg: nobody came for 10m  [non_local_peer]  silenced"},
		{"heartbeat", beat(flow.Beat{Open: 2, Sessions: 31, Refused: 4, Dropped: 1, Uptime: time.Hour}),
			"alive     up for 1h0m0s: 2 open of 31 sessions, 4 refused, 1 record lost"},
		{"gap", journal(flow.EventJournalGap, flow.Journal{Count: 3, Reason: "disk full"}),
			"JOURNAL   GAP: 3 records lost: disk full"},
		{"recovered", journal(flow.EventJournalRecovered, flow.Journal{Count: 1, Bytes: 100}),
			"journal   recovered after a crash: 1 session closed, 100 B set aside"},
		{"config", flow.Record{Time: at(), Event: flow.EventConfigRejected, Config: &flow.Config{
			Source: "lodoor.yaml", Error: "line 3: unknown key\nline 4: bad port\n",
		}}, "CONFIG    rejected, nothing is changed: lodoor.yaml: line 3: unknown key; line 4: bad port"},
		{"operation", asked(flow.Operation{Name: "SELECT", Text: "select *\n  from a", Rows: 3}),
			"asked     k3v9qd     1.2ms  3 rows     select * from a  by psql"},
		{"operation without its text", asked(flow.Operation{Name: "INSERT", Kind: "execute", Rows: 1}),
			"asked     k3v9qd     1.2ms  1 row      execute: INSERT  by psql"},
		{"operation that failed", asked(flow.Operation{
			Name: "SELECT", Text: "SELECT a", Cut: true, Failed: true, Status: "42703", Error: "42703 column ? does not exist", Rows: -1,
		}), "FAILED    k3v9qd     1.2ms  42703      SELECT a …  column ? does not exist  by psql"},
		{"operation of HTTP", asked(flow.Operation{Name: "GET", Text: "/a", Status: "200", Rows: -1}),
			"asked     k3v9qd     1.2ms  200        GET /a  by psql"},
		{"operation that nobody finished", asked(flow.Operation{Name: "PING", Unfinished: true, Rows: -1}),
			"CUT OFF   k3v9qd     1.2ms  -          PING  by psql"},
		{"login", asked(flow.Operation{Kind: "login", Rows: -1}), "asked     k3v9qd     1.2ms  ok         login:  by psql"},
		{"unknown", flow.Record{Time: at(), Event: flow.Event(200)}, "invalid(200)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := terminal.Format{Location: time.UTC}
			got := string(f.Append(nil, &test.r))
			if want := "15:04:05.123  " + test.want + "\n"; got != want {
				t.Errorf("\ngot  %q\nwant %q", got, want)
			}
		})
	}
}

func TestServiceColumnAndDate(t *testing.T) {
	f := terminal.Format{Location: time.UTC, Date: true, Services: []string{"pg", "redis-cache"}}
	r := opened()
	got := string(f.Append(nil, &r))
	want := "2025-03-04 15:04:05.123  open      k3v9qd  pg           psql[42] (alice)          127.0.0.1:51234\n"
	if got != want {
		t.Errorf("\ngot  %q\nwant %q", got, want)
	}
}

func TestColor(t *testing.T) {
	f := terminal.Format{Location: time.UTC, Color: true}
	for name, r := range map[string]flow.Record{"refused": refused(flow.Refusal{Count: 1}), "alert": alert()} {
		if got := string(f.Append(nil, &r)); !strings.Contains(got, "\x1b[1;31m"+strings.ToUpper(name)+"\x1b[0m") {
			t.Errorf("%s is not red and bold: %q", name, got)
		}
	}
}

// What a peer chose must not break out of its place, and must be readable back.
func TestEscapes(t *testing.T) {
	r := opened()
	r.Origin.Program = "a\x1b[2J\nb\u009b\u202e\u2028\u200b\x9b\\\U000e0041"
	f := terminal.Format{Location: time.UTC}
	got := string(f.Append(nil, &r))
	if want := `a\x1b[2J\nb\u009b\u202e\u2028\u200b…[42] (alice)  127.`; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q in it", got, want)
	}
	r = refused(flow.Refusal{Count: 1})
	r.Verdict.Reason = "a\x7f\t\u2028\u2029\u2066\u200b\ufe0f\x9b\\\U000e0041\xff é日"
	got = string(f.Append(nil, &r))
	if want := `a\x7f\t\u2028\u2029\u2066\u200b\ufe0f\x9b\\\U000e0041\xff é日`; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q in it", got, want)
	}
}

func TestLongTextsAreCut(t *testing.T) {
	r := refused(flow.Refusal{Count: 1})
	r.Verdict.Reason = strings.Repeat("x", 1<<16)
	f := terminal.Format{Location: time.UTC}
	if got := string(f.Append(nil, &r)); len(got) > 500 || !strings.HasSuffix(got, "x…\n") {
		t.Errorf("a line of %d bytes", len(got))
	}
}

// ours are the only escape sequences that a line may have.
func ours() *regexp.Regexp { return regexp.MustCompile("\x1b\\[(1;31|33|32|2|0)m") }

func checkLine(t *testing.T, line string) {
	t.Helper()
	text, ended := strings.CutSuffix(ours().ReplaceAllString(line, ""), "\n")
	if !ended || !utf8.ValidString(text) {
		t.Fatalf("not one line of UTF-8: %q", line)
	}
	for _, r := range text {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Cf, r) {
			t.Fatalf("%U in %q", r, line)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("psql", "alice", "pg", "reason", uint8(flow.EventSessionRefused), true)
	f.Add("\x1b[31mred\x1b[0m", "a\nb", "\u202egp", "\x9b2J\u2028\xff", uint8(flow.EventSessionClose), true)
	f.Add("a\x1b]0;b\a", "\u2066", "\u202d", "\u202e\n", uint8(flow.EventSessionOrigin), true)
	f.Add("a\x1b]0;b\a", "\u2066", "\u202d", "\u202e\n", uint8(flow.EventSessionOpen), true)
	f.Add("\x1b", "[0m", "", "\r\n15:04:05.123  open", uint8(flow.EventAlert), false)
	f.Fuzz(func(t *testing.T, program, user, service, words string, event uint8, color bool) {
		r := closed(flow.Outcome{Known: true, End: flow.End(event), Detail: words})
		r.Event, r.Service = flow.Event(event), service
		r.Origin.Program, r.Origin.User = program, user
		r.Peer = &flow.Peer{Addr: netip.MustParseAddrPort("[fe80::1%25eth0]:1"), Path: words, Interface: words}
		r.Verdict = &flow.Verdict{Action: flow.WouldDeny, Reason: words, Rule: words}
		r.Backend = &flow.Endpoint{Path: words}
		r.Origin.Forwarder = &flow.Forwarder{Name: program, Reason: words, Zone: flow.Zone(event)}
		r.Origin.Holders = []*flow.Process{{Program: words}, {Program: user}}
		r.Outcome.Refused = &flow.Verdict{Reason: words}
		r.Refusal = &flow.Refusal{Count: uint64(event)}
		r.Alert = &flow.Alert{Condition: words, Message: words}
		r.Journal = &flow.Journal{Reason: words, Segment: words}
		format := terminal.Format{Color: color, Services: []string{service, words}}
		checkLine(t, string(format.Append(nil, &r)))
		r.Peer.Conveyed, r.Outcome.Refused = &flow.Conveyed{Client: r.Peer.Addr}, nil
		checkLine(t, string(format.Append(nil, &r)))
		r.Journal, r.Config = nil, &flow.Config{Source: words, Error: words}
		checkLine(t, string(format.Append(nil, &r)))
		r.Event, r.Operation = flow.EventOperation, &flow.Operation{
			Name: user, Text: words, Kind: program, Status: service, Error: words, Failed: color, Rows: int64(event),
		}
		checkLine(t, string(format.Append(nil, &r)))
	})
}

// Every event has a line of its own kind: what has none reads like its name.
func TestEveryEventHasALine(t *testing.T) {
	full := closed(flow.Outcome{Known: true})
	full.Alert, full.Refusal, full.Operation = alert().Alert, &flow.Refusal{}, asked(flow.Operation{}).Operation
	for _, e := range flow.Events() {
		r := full
		r.Event = e
		switch {
		case strings.HasPrefix(e.String(), "journal.") && e != flow.EventJournalHeartbeat:
			r.Journal = &flow.Journal{}
		case e == flow.EventJournalHeartbeat:
			r.Beat = &flow.Beat{}
		case strings.HasPrefix(e.String(), "config."):
			r.Config = &flow.Config{}
		}
		f := terminal.Format{Location: time.UTC}
		line := string(f.Append(nil, &r))
		if checkLine(t, line); strings.Contains(line, "  "+e.String()+"\n") {
			t.Errorf("%s has no line of its own: %s", e, line)
		}
	}
}

// An ordinary session with the widest numbers fits in 100 columns.
func TestOrdinaryLinesAreNarrow(t *testing.T) {
	end := closed(flow.Outcome{
		Known: true, FromClient: 1020 << 10, FromBackend: 1023, Duration: 59999 * time.Millisecond, End: flow.EndFIN,
	})
	end.Origin.Program = "java -jar shop-service.jar"
	open := opened()
	open.Origin.Program, open.Origin.PID = end.Origin.Program, 4194304
	open.Peer.Addr = netip.MustParseAddrPort("192.168.178.234:51234")
	f := terminal.Format{Location: time.UTC}
	for _, r := range []flow.Record{open, end} {
		if line := string(f.Append(nil, &r)); utf8.RuneCountInString(line) > 101 {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(line)-1, line)
		}
	}
}
