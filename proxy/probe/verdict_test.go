package probe

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// verdictCase is a set of facts, and words that the verdict must have.
type verdictCase struct {
	name  string
	facts *Facts
	class Class
	cause string
	mend  string
}

// at are facts about port 5432 of this host with one attempt.
func at(a Attempt, listeners ...Listener) *Facts {
	if a.To == "" {
		a.To = "127.0.0.1:5432"
	}
	a.Addr = netip.MustParseAddrPort(a.To)
	f := &Facts{At: flow.Endpoint{Port: 5432}, Port: &Port{Number: 5432, FreeFrom: 1024, ClientFirst: 32768, ClientLast: 60999}}
	f.Attempts, f.Listeners = []Attempt{a}, listeners
	return f
}

// on is a listener.
func on(address string) Listener {
	return Listener{Local: netip.MustParseAddrPort(address), Who: "postgres (pid 8)", Program: "postgres", PID: 8}
}

func full(address string) Listener {
	l := on(address)
	l.Queue = &Queue{Waiting: 129, Most: 128}
	return l
}

func v6Only(address string) Listener {
	l := on(address)
	l.V6Only = true
	return l
}

func program(address, name string) Listener {
	l := on(address)
	l.Program, l.Who = name, name
	return l
}

func connectCases() []verdictCase {
	own := func(o Outcome) Attempt { return Attempt{Own: true, Outcome: o} }
	after := func(s After) Attempt { return Attempt{Own: true, Outcome: Connected, After: s} }
	return []verdictCase{
		{"open", at(after(StaysOpen), on("127.0.0.1:5432")), OK, "postgres (pid 8) answers at 127.0.0.1:5432", ""},
		{"a wildcard", at(after(StaysOpen), on("0.0.0.0:5432")), OK, "postgres (pid 8) answers", ""},
		{"an IPv6 wildcard that takes IPv4", at(after(StaysOpen), on("[::]:5432")), OK, "postgres (pid 8) answers", ""},
		{"seen from a container", at(after(StaysOpen)), OK, "somebody unknown answers", ""},
		{"greeted, then closed", at(Attempt{Own: true, Outcome: Connected, After: ClosedThen, Greeting: "12:00", Greeted: 5}), OK, `says "12:00"`, ""},
		{"complains, then closes", at(Attempt{Own: true, Outcome: Connected, After: ClosedThen, Greeting: "-ERR no", Greeted: 7, Complaint: true}), Application, `"-ERR no"`, "settings"},
		{"closed", at(after(ClosedThen), on("127.0.0.1:5432")), Application, "closed it at once", "its log says why"},
		{"reset", at(after(ResetThen), on("127.0.0.1:5432")), Application, "reset it at once", "its log says why"},
		{"reset by a door", at(after(ResetThen), program("127.0.0.1:5432", "lodoor")), Rule, "is a door that ended", "root"},
		{"reset by a build of a door", at(after(ResetThen), program("127.0.0.1:5432", "lodoor-race")), Rule, "is a door that ended", "root"},
		{"closed by a forwarder", at(after(ClosedThen), program("0.0.0.0:5432", "docker-proxy")), Application, "what it forwards to", "in a container"},
		{"not accepted", at(after(NotAccepted), on("127.0.0.1:5432")), Application, "does not accept", "restart it"},
		{"refused, nobody", at(own(Refused)), Application, "nobody listens on port 5432", "start the service"},
		{"refused, listening", at(own(Refused), on("127.0.0.1:5432")), Network, "a firewall rejects", "reject of tcp port 5432"},
		{"refused, IPv6 only", at(own(Refused), v6Only("[::]:5432")), Application, "wrong family: postgres (pid 8) listens at [::]:5432 only", "connect to [::1]:5432"},
		{"refused on ::1, IPv4 only", at(Attempt{Own: true, Outcome: Refused, To: "[::1]:5432"}, on("0.0.0.0:5432")), Application, "wrong family", "connect to 127.0.0.1:5432, or let it listen at ::1 too"},
		{"refused, at another address", at(own(Refused), on("127.0.0.9:5432"), on("[::1]:5432")), Application, "wrong address: postgres (pid 8) listens at 127.0.0.9:5432 and [::1]:5432 only", "connect to 127.0.0.9:5432"},
		{"refused at an own address", at(Attempt{Own: true, Outcome: Refused, To: "10.0.0.7:5432"}, on("127.0.0.1:5432")), Application, "not at 10.0.0.7:5432", "others in that network"},
		{"refused, a door elsewhere", at(own(Refused), program("[::1]:5432", "lodoor")), Door, "wrong family", "connect to [::1]:5432"},
		{"refused by another host", at(Attempt{Outcome: Refused, To: "192.0.2.7:5432"}), Application, "not an address of this host", "on that host"},
		{"timed out, queue full", at(own(TimedOut), full("127.0.0.1:5432")), Application, "is full (129 wait, 128 may)", "restart it"},
		{"timed out, listening", at(own(TimedOut), on("127.0.0.1:5432")), Network, "a firewall drops", "drop of tcp port 5432"},
		{"timed out, nobody", at(own(TimedOut)), Network, "a firewall drops", "drop of tcp port 5432"},
		{"timed out elsewhere", at(Attempt{Outcome: TimedOut, To: "192.0.2.7:5432"}), Network, "the host is gone, or a firewall drops", "'ping 192.0.2.7'"},
		{"unreachable", at(Attempt{Outcome: Unreachable, To: "192.0.2.7:5432", Error: "no route to host"}), Network, "cannot be reached (no route to host)", "'ip route get 192.0.2.7'"},
		{"not permitted", at(own(NotPermitted)), Network, "does not permit", "security module"},
		{"no IPv6", at(Attempt{Own: true, Outcome: NoAddress, To: "[::1]:5432"}), Network, "wrong family", "switch IPv6 on"},
		{"no IPv4 address", at(own(NoAddress)), Network, "no address from which", "'ip address'"},
		{"no time", at(own(NotTried)), Network, "the time was up", "alone"},
		{"something else", at(Attempt{Own: true, Outcome: Failed, Error: "odd"}), Network, "failed (odd)", "connect(2)"},
		{"nobody, a client's port", taken(own(Refused)), Application, "own end of a connection of curl (pid 9) to 192.0.2.1:443", "reserve this one"},
		{"no such name", &Facts{Unresolved: "db.example has no address"}, Network, "db.example has no address", "/etc/hosts"},
	}
}

// taken is a port that a client's connection has.
func taken(a Attempt) *Facts {
	f := at(a)
	f.Taken = []Taken{{Who: "curl (pid 9)", Remote: netip.MustParseAddrPort("192.0.2.1:443")}}
	return f
}

func TestJudge(t *testing.T) {
	for _, tc := range slices.Concat(connectCases(), bindCases(), socketCases()) {
		t.Run(tc.name, func(t *testing.T) { tc.expect(t, Judge(tc.facts)) })
	}
}

// The guide quotes what the verdicts say, and has a heading for each class.
func TestGuide(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "check.md"))
	if err != nil {
		t.Fatal(err)
	}
	guide, said := string(b), ""
	for _, tc := range slices.Concat(connectCases(), bindCases(), socketCases()) {
		v := Judge(tc.facts)
		said += v.Cause + "\n"
		if !strings.Contains(guide, "\n### "+string(v.Class)+"\n") {
			t.Errorf("the guide has no heading for %s", v.Class)
		}
	}
	said = regexp.MustCompile(`port \d+`).ReplaceAllString(said, "port N")
	causes := regexp.MustCompile("(?m)^\\| (`[^|(]*)").FindAllStringSubmatch(guide, -1)
	if len(causes) < 20 {
		t.Fatalf("the guide has %d causes", len(causes))
	}
	for _, row := range causes {
		for _, quoted := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(row[1], -1) {
			for part := range strings.SplitSeq(quoted[1], "…") {
				if !strings.Contains(said, strings.TrimSpace(part)) {
					t.Errorf("the guide quotes %q, which no verdict says", part)
				}
			}
		}
	}
}

func (tc *verdictCase) expect(t *testing.T, v Verdict) {
	t.Helper()
	if v.Class != tc.class || !strings.Contains(v.Cause, tc.cause) || !strings.Contains(v.Mend, tc.mend) || (v.Mend == "") != (v.Class == OK) {
		t.Errorf("%s\nwant %s: %s; mend: %s", v, tc.class, tc.cause, tc.mend)
	}
}

// Where the system does not say who listens, nothing is claimed of that.
func TestJudgeBlind(t *testing.T) {
	f := at(Attempt{Own: true, Outcome: Refused})
	f.Blind = "not supported"
	tc := verdictCase{class: Application, cause: "nobody listens there, or a firewall rejects (not supported)", mend: "start"}
	tc.expect(t, Judge(f))
}

// A port inside the range of clients is in danger, and the mend says so.
func TestJudgeClientsRange(t *testing.T) {
	f := at(Attempt{Own: true, Outcome: Refused})
	f.Port.ClientFirst = 5000
	tc := verdictCase{class: Application, cause: "nobody listens", mend: "outside 5000-60999, or reserve this one"}
	tc.expect(t, Judge(f))
}

func bindCases() (cases []verdictCase) {
	bound := func(to string, o Outcome) Bind {
		return Bind{To: netip.MustParseAddrPort(to), Outcome: o, Error: "why"}
	}
	for _, tc := range []struct {
		binds     []Bind
		listeners []Listener
		verdictCase
	}{
		{[]Bind{bound("127.0.0.1:80", Bound), bound("[::1]:80", Bound)}, nil, verdictCase{class: OK, cause: "127.0.0.1:80 and [::1]:80"}},
		{[]Bind{bound("127.0.0.1:80", Bound), bound("[::1]:80", NoAddress)}, nil, verdictCase{class: OK, cause: "can take 127.0.0.1:80"}},
		{[]Bind{bound("192.0.2.1:80", NoAddress)}, nil, verdictCase{class: Network, cause: "192.0.2.1 is not an address of this host", mend: "ip address"}},
		{[]Bind{bound("127.0.0.1:80", NotPermitted)}, nil, verdictCase{class: Application, cause: "ports below 1024", mend: "CAP_NET_BIND_SERVICE"}},
		{[]Bind{bound("127.0.0.1:80", Bound), bound("[::1]:80", InUse)}, []Listener{on("[::1]:80")}, verdictCase{class: Application, cause: "postgres (pid 8) listens at [::1]:80", mend: "pid 8"}},
		{[]Bind{bound("0.0.0.0:80", InUse)}, []Listener{on("127.0.0.1:80")}, verdictCase{class: Application, cause: "listens at 127.0.0.1:80, and 0.0.0.0:80 cannot", mend: "pid 8"}},
		{[]Bind{bound("127.0.0.1:80", InUse)}, []Listener{program("127.0.0.1:80", "lodoor")}, verdictCase{class: Door, cause: "in use: lodoor", mend: "another port"}},
		{[]Bind{bound("127.0.0.1:80", InUse)}, nil, verdictCase{class: Application, cause: "does not listen", mend: "ss -tanp"}},
		{[]Bind{bound("127.0.0.1:80", Failed)}, nil, verdictCase{class: Network, cause: "failed (why)", mend: "bind(2)"}},
	} {
		f := &Facts{Port: &Port{Number: 80, FreeFrom: 1024}, Binds: tc.binds, Listeners: tc.listeners}
		tc.facts = f
		cases = append(cases, tc.verdictCase)
	}
	return cases
}

func socketCases() (cases []verdictCase) {
	file := Socket{Exists: true, Kind: "socket", Mode: "-rw-------", Owner: "ada", Group: "db"}
	for _, tc := range []struct {
		socket  Socket
		outcome Outcome
		verdictCase
	}{
		{file, Connected, verdictCase{class: OK, cause: "postgres (pid 8) answers at unix:/run/s"}},
		{file, Refused, verdictCase{class: Application, cause: "/run/s is stale", mend: "'rm /run/s' first"}},
		{file, NotPermitted, verdictCase{class: Application, cause: "may not write to the socket /run/s (mode -rw-------, user ada, group db)", mend: "as ada or as a member of group db"}},
		{Socket{Exists: true, Barrier: "/run", Owner: "ada"}, NotPermitted, verdictCase{class: Application, cause: "may not pass the directory /run", mend: "as ada"}},
		{Socket{}, NotPermitted, verdictCase{class: Network, cause: "does not permit", mend: "security module"}},
		{Socket{}, Missing, verdictCase{class: Application, cause: "there is no /run/s", mend: "start the service"}},
		{Socket{Lacking: "/run"}, Missing, verdictCase{class: Application, cause: "no directory /run", mend: "start the service"}},
		{Socket{Elsewhere: []string{"/tmp/s"}}, Missing, verdictCase{class: Application, cause: "there is no", mend: "try unix:/tmp/s"}},
		{Socket{Exists: true, Kind: "directory"}, Refused, verdictCase{class: Application, cause: "is not a socket but a directory", mend: "correct the path"}},
		{Socket{Exists: true, Abstract: true, Kind: "socket"}, Refused, verdictCase{class: Application, cause: "abstract", mend: "start the service"}},
		{file, Full, verdictCase{class: Application, cause: "the accept queue of /run/s is full", mend: "restart it"}},
		{file, WrongKind, verdictCase{class: Application, cause: "of another kind", mend: "correct the path"}},
		{file, Failed, verdictCase{class: Application, cause: "failed", mend: "unix(7)"}},
	} {
		f := &Facts{At: flow.Endpoint{Path: "/run/s"}, Socket: &tc.socket, Listeners: []Listener{{Who: "postgres (pid 8)"}}}
		f.Attempts = []Attempt{{To: "unix:/run/s", Own: true, Outcome: tc.outcome, After: StaysOpen}}
		tc.facts = f
		cases = append(cases, tc.verdictCase)
	}
	return cases
}

func TestJudgeDoor(t *testing.T) {
	good := Attempt{Own: true, Outcome: Connected, After: StaysOpen}
	reset := Attempt{Own: true, Outcome: Connected, After: ResetThen}
	refusal := func(c flow.Cause) *Told {
		return &Told{Refused: &flow.Verdict{Rule: "no-ada", Cause: c, Reason: "ada is not let in"}}
	}
	for _, tc := range []struct {
		front, backend Attempt
		told           *Told
		journal        bool
		verdictCase
	}{
		{good, good, &Told{End: flow.EndFIN}, true, verdictCase{class: OK, cause: "postgres (pid 8) answers at 127.0.0.1:5432, directly and through door dev at 127.0.0.1:5432"}},
		{good, good, nil, false, verdictCase{class: OK, cause: "directly and through door dev"}},
		{reset, good, refusal(flow.CauseRule), true, verdictCase{class: Rule, cause: "door dev refuses this client: ada is not let in (rule no-ada)", mend: "change that rule of service pg"}},
		{good, good, refusal(flow.CauseHeader), true, verdictCase{class: Rule, cause: "rule no-ada", mend: "proxy_protocol"}},
		{good, good, refusal(flow.CauseHost), true, verdictCase{class: Rule, cause: "rule no-ada", mend: "gate"}},
		{reset, good, refusal(flow.CauseTripwire), true, verdictCase{class: Rule, cause: "rule no-ada", mend: "only watched"}},
		{reset, good, refusal(flow.CauseLimit), true, verdictCase{class: Door, cause: "a limit", mend: "raise the limit"}},
		{reset, good, refusal(flow.CauseJournal), true, verdictCase{class: Door, cause: "cannot write its journal", mend: "disk"}},
		{reset, good, refusal(flow.CauseDraining), true, verdictCase{class: Door, cause: "being stopped", mend: "start it again"}},
		{reset, good, refusal(flow.CauseInternal), true, verdictCase{class: Door, cause: "could not examine", mend: "prints"}},
		// A rule comes before the backend on a client's way.
		{reset, Attempt{Own: true, Outcome: TimedOut}, refusal(flow.CauseRule), true, verdictCase{class: Rule, cause: "rule no-ada", mend: "change"}},
		{reset, Attempt{Own: true, Outcome: TimedOut}, &Told{End: flow.EndDialTimeout}, true, verdictCase{class: Network, cause: "behind door dev, service pg: timed out", mend: "drop"}},
		{good, Attempt{Own: true, Outcome: NotPermitted}, nil, true, verdictCase{class: Network, cause: "behind door dev, service pg: this system does not permit", mend: "route"}},
		{reset, good, &Told{End: flow.EndDialRefused, Detail: "nothing listens"}, true, verdictCase{class: Door, cause: "does not reach 5432, which answers directly: nothing listens", mend: "try as its user"}},
		{reset, good, nil, false, verdictCase{class: Rule, cause: "keeps no journal", mend: "with a journal"}},
		{reset, good, nil, true, verdictCase{class: Door, cause: "does not say why", mend: "logs --instance dev"}},
		{Attempt{Own: true, Outcome: TimedOut}, good, nil, true, verdictCase{class: Network, cause: "a firewall drops", mend: "drop"}},
	} {
		p := &Passage{Instance: "dev", Service: "pg", Journaled: tc.journal, Told: tc.told}
		p.Front, p.Backend = at(tc.front, program("127.0.0.1:5432", "lodoor")), at(tc.backend, on("127.0.0.1:5432"))
		tc.expect(t, JudgeDoor(p))
	}
}

func TestJudgeDoorThatHangs(t *testing.T) {
	p := &Passage{Instance: "dev", Journaled: true, Backend: at(Attempt{Own: true, Outcome: Connected, After: StaysOpen}, on("127.0.0.1:5432"))}
	p.Front = at(Attempt{Own: true, Outcome: Connected, After: NotAccepted}, program("127.0.0.1:5432", "lodoor"))
	tc := verdictCase{class: Door, cause: "lodoor does not accept", mend: "restart it"}
	tc.expect(t, JudgeDoor(p))
}
