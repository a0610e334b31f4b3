package journal

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const formatDoc = "../../docs/record-format.md"

// updateDoc in the environment has the example written into the document.
const updateDoc = "LODOOR_UPDATE"

// TestDocHasEveryMember holds the document's table together with the decoder.
func TestDocHasEveryMember(t *testing.T) {
	_, table, _ := strings.Cut(string(readFile(t, formatDoc)), "\n## Members\n")
	var inDoc []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([][a-z0-9_.]+)` \\|").FindAllStringSubmatch(table, -1) {
		inDoc = append(inDoc, row[1])
	}
	inWire := slices.DeleteFunc(wireMembers(reflect.TypeFor[wireRecord](), ""), func(name string) bool {
		return strings.HasSuffix(name, "_base64") // one sentence says it of all texts
	})
	if a, b := sorted(inDoc), sorted(inWire); !slices.Equal(a, b) {
		t.Errorf("the document has\n%s\nthe decoder has\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
}

// TestDocHasEveryWord looks for each word of the closed lists.
func TestDocHasEveryWord(t *testing.T) {
	doc := string(readFile(t, formatDoc))
	for _, list := range [][]string{
		words[flow.Event](), words[flow.End](), words[flow.Side](), words[flow.Zone](), words[flow.Proof](),
		words[flow.Attribution](), words[flow.Action]()[:flow.Need], words[flow.Cause](), words[flow.Severity](),
	} {
		for _, w := range list {
			if !strings.Contains(doc, "`"+w+"`") {
				t.Errorf("the document does not have %s", w)
			}
		}
	}
}

// TestDocExample makes the document's example with the encoder, holds it against the schema, and verifies it.
func TestDocExample(t *testing.T) {
	example := exampleJournal(t)
	doc := readFile(t, formatDoc)
	head, rest, _ := bytes.Cut(doc, []byte("```jsonl\n"))
	inDoc, tail, _ := bytes.Cut(rest, []byte("```\n"))
	if os.Getenv(updateDoc) == "1" {
		writeFile(t, formatDoc, slices.Concat(head, []byte("```jsonl\n"), example, []byte("```\n"), tail))
		return
	}
	if !bytes.Equal(inDoc, example) {
		t.Fatalf("the document's example is not what the encoder writes; LODOOR_UPDATE=1 go test writes it:\n%s", example)
	}
	root := parseSchema(t)
	seen := map[string]bool{}
	for line := range bytes.Lines(inDoc) {
		if err := root.checkLine(line); err != nil {
			t.Error(err)
		}
		h, _ := parseHead(bytes.TrimSpace(line))
		seen[h.event.String()] = true
	}
	if missing := slices.DeleteFunc(words[flow.Event](), func(w string) bool { return seen[w] }); len(missing) > 0 {
		t.Errorf("the example has no %v", missing)
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, segmentName(1)), inDoc)
	if r := content(t, dir); r.Opens != 3 || r.Closes != 3 || r.Dropped != 3 {
		t.Errorf("report %+v", r)
	}
}

// exampleJournal is a small journal with every event in it.
func exampleJournal(t *testing.T) []byte {
	t.Helper()
	w := &writer{id: strings.Repeat("0123456789abcdef", 2), epoch: "fedcba9876543210"}
	w.at = point{0, chainStart(w.id)}
	w.current.path = segmentName(1)
	clock := time.Date(2026, 3, 14, 9, 26, 53, 589793238, time.UTC)
	for _, r := range exampleRecords(w) {
		clock = clock.Add(1234567891 * time.Nanosecond)
		r.Time = clock
		if o := r.Operation; o != nil {
			o.Started = clock.Add(-max(o.Asked, o.LastByte))
		}
		enc := newEncoder()
		if err := enc.encode(&r); err != nil {
			t.Fatal(err)
		}
		w.line(&item{enc: enc})
	}
	return w.batch
}

func exampleRecords(w *writer) []flow.Record {
	one, two := flow.SessionID([]byte("7zk3m9q4t1v8x2c5")), flow.SessionID([]byte("b0d4f6h8j2n5p7r9"))
	three := flow.SessionID([]byte("c3e5g7j9m1p3r5t7"))
	start := w.begun(time.Time{}, flow.EventJournalStart)
	start.Journal.Version, start.Journal.PID = "v0.1.0", 4711
	start.Host = &flow.Host{Name: "ada-laptop", ID: strings.Repeat("89abcdef", 4)}
	open, origin, over := opened(one), located(one), closed(one)
	open.Origin = &flow.Origin{Attribution: flow.AttributionUIDOnly, UID: 1000, User: "ada"}
	over.Origin = origin.Origin
	stranger := exampleStranger(netip.MustParseAddrPort("192.0.2.7:40112"))
	return append([]flow.Record{
		start,
		{Event: flow.EventConfigLoaded, Config: &flow.Config{
			Hash: chainStart("x").String(), Source: "flags", Services: []string{"pg", "web"},
		}},
		open, origin, over, stranger,
		{Event: flow.EventAlert, Service: "pg", Alert: &flow.Alert{
			ID: "5f0c7a1d2b3e4968", Condition: "non_local_peer", Severity: flow.SeverityCritical, Zone: flow.ZoneLAN,
			Count: 1, Message: "192.0.2.7 tried to reach pg and was refused",
			Sample: []netip.AddrPort{stranger.Peer.Addr},
		}},
		exampleUnix(two), exampleConveyed(three), exampleHost(three), exampleBeat(), exampleResolved(),
		exampleOperation(one), exampleRequest(three),
	}, exampleOwn(two)...)
}

func exampleBeat() flow.Record {
	return flow.Record{Event: flow.EventJournalHeartbeat, Beat: &flow.Beat{
		Open: 1, Sessions: 3, Refused: 1, Uptime: 5 * time.Minute, Config: chainStart("x").String(),
		Without:  []string{"programs of other users: lodoor has not CAP_SYS_PTRACE"},
		Services: []string{"pg", "web"},
	}}
}

// exampleResolved is the end of a group of a condition that stands in a configuration.
func exampleResolved() flow.Record {
	first := time.Date(2026, 3, 14, 9, 27, 1, 0, time.UTC)
	return flow.Record{Event: flow.EventAlert, Service: "web", Alert: &flow.Alert{
		ID: "0d9e8f7a6b5c4321", Condition: "many_denied", Severity: flow.SeverityWarning, Count: 24, First: first,
		Last: first.Add(3 * time.Second), Resolved: true, Silenced: true, Message: "many_denied is over: 24 records in all",
		Forwarder: "haproxy", Program: "haproxy",
		By: []flow.Label{{Name: "service.name", Value: "web"}, {Name: "rule.cause", Value: "host"}},
	}}
}

// exampleStranger is somebody who is not let in.
func exampleStranger(addr netip.AddrPort) flow.Record {
	return flow.Record{
		Event: flow.EventSessionRefused, Service: "pg",
		Peer: &flow.Peer{
			Addr: addr, Front: netip.MustParseAddrPort("192.0.2.1:62893"), Zone: flow.ZoneLAN, Interface: "eth0",
		},
		Origin: &flow.Origin{},
		Verdict: &flow.Verdict{
			Cause: flow.CauseNonLocal, Rule: "builtin.local-only",
			Reason: "192.0.2.7 is in zone lan; only local peers are let in",
		},
		Refusal: &flow.Refusal{Count: 1, Distinct: 1},
	}
}

// exampleConveyed is an open by a proxy in a container, which says whom it speaks for.
func exampleConveyed(id flow.SessionID) flow.Record {
	r := opened(id)
	client := netip.MustParseAddrPort("192.0.2.99:53312")
	r.Service, r.Backend, r.Peer.Front = "web", &flow.Endpoint{Port: 3000}, netip.MustParseAddrPort("127.0.0.1:63000")
	r.Peer.Conveyed = &flow.Conveyed{
		Client: client, Server: netip.MustParseAddrPort("192.0.2.1:443"), Zone: flow.ZoneLAN, Version: 2,
	}
	worker := &flow.Process{
		PID: 512, Started: time.Date(2026, 3, 14, 8, 0, 0, 120000000, time.UTC), Program: "haproxy", UID: 99, User: "haproxy",
		Executable: flow.Executable{Path: "/usr/sbin/haproxy", Device: 48, Inode: 77012, Deleted: true},
		Parents:    []flow.Ancestor{{PID: 498, Program: "haproxy"}, {PID: 470, Program: "conmon"}},
		Cgroup:     "/machine.slice/libpod-" + strings.Repeat("3f2a", 16) + ".scope",
		Container:  flow.Container{ID: strings.Repeat("3f2a", 16), Runtime: "podman"},
	}
	r.Origin = &flow.Origin{
		Attribution: flow.AttributionLiveSocket, UID: 99, User: "haproxy", PID: worker.PID, Program: worker.Program, Process: worker,
		Holders: []*flow.Process{worker, {PID: 498, Program: "haproxy", User: "root"}},
		Forwarder: &flow.Forwarder{
			Name: "haproxy", PID: worker.PID, Zone: flow.ZoneLAN, Far: client, Reason: "its executable is called haproxy",
		},
	}
	return r
}

// exampleHost is the close of exampleConveyed's session: a gate has refused what the client sent.
func exampleHost(id flow.SessionID) flow.Record {
	r := exampleConveyed(id)
	r.Event, r.Verdict = flow.EventSessionClose, &flow.Verdict{
		Rule: "gate.http", Cause: flow.CauseHost, Reason: "the request is for shop.example, which is no name of web",
	}
	r.Outcome = &flow.Outcome{
		Known: true, FromClient: 411, Duration: 2 * time.Millisecond, Dial: 90 * time.Microsecond, Lane: "loop",
		Leg: netip.MustParseAddrPort("127.0.0.1:40406"), Server: netip.MustParseAddrPort("127.0.0.1:3000"),
		End: flow.EndDenied, EndedBy: flow.SideLodoor, Refused: r.Verdict,
	}
	return r
}

// exampleUnix is an open from a program whose name is no UTF-8 and tries to colour the terminal.
func exampleUnix(id flow.SessionID) flow.Record {
	return flow.Record{
		Event: flow.EventSessionOpen, Service: "pg", Session: id,
		Peer: &flow.Peer{Path: "/run/lodoor/pg.sock", Zone: flow.ZoneUnix, Proof: flow.ProofUnix},
		Origin: &flow.Origin{
			Attribution: flow.AttributionExactConnect, UID: 0, User: "root", PID: 815, Program: "ev\x1b[31mil\xff",
		},
		Backend: &flow.Endpoint{Path: "/run/postgresql/.s.PGSQL.5432"},
		Verdict: &flow.Verdict{Action: flow.Allow, Rule: "builtin.local"},
	}
}

func exampleOwn(open flow.SessionID) []flow.Record {
	self := func(e flow.Event, j flow.Journal) flow.Record { return flow.Record{Event: e, Journal: &j} }
	crashed := (&place{session: open}).crashed(time.Time{})
	return []flow.Record{
		{Event: flow.EventConfigRejected, Config: &flow.Config{
			Source: "/etc/lodoor/lodoor.yaml", Error: "lodoor.yaml:3:5: unknown key \"lisen\": expected \"listen\"",
		}},
		self(flow.EventJournalGap, flow.Journal{
			Count: 3, Bytes: 1830, Reason: "write journal segment " + segmentName(1) +
				": no space left on device; since 2026-03-14T09:27:01Z",
		}),
		self(flow.EventJournalPruned, flow.Journal{
			Segment: segmentName(1), First: 1, Last: 52011, Head: chainStart("y").String(), Bytes: 33554631,
			Reason: "the journal has 513 MiB, at most 512 MiB are kept",
		}),
		self(flow.EventJournalRotated, flow.Journal{
			ID: strings.Repeat("0123456789abcdef", 2), Epoch: "fedcba9876543210", Segment: segmentName(11), Last: 10,
			Head: chainStart("z").String(),
		}),
		self(flow.EventJournalRecovered, flow.Journal{
			Count: 1, Bytes: 117, Reason: "lodoor ended without journal.stop; 117 bytes at the end of " +
				segmentName(1) + " are no records and were moved to journal-00000000000000000001.torn-4096; " +
				"sessions were open",
		}),
		crashed,
		self(flow.EventJournalStop, flow.Journal{}),
	}
}

// exampleOperation is a statement that PostgreSQL objected to.
func exampleOperation(id flow.SessionID) flow.Record {
	return flow.Record{Event: flow.EventOperation, Service: "pg", Session: id, Operation: &flow.Operation{
		Protocol: "postgres", System: "postgresql", Namespace: "shop", User: "ada", Application: "psql", Auth: "scram-sha-256",
		Name: "INSERT", Text: "INSERT INTO orders (id, item) VALUES (?, ?)", Fingerprint: 0x1f2e3d4c5b6a7988, Status: "23505",
		Failed: true, Error: "duplicate key value violates unique constraint ?", Rows: -1, FromClient: 71, FromBackend: 188,
		Asked: 21 * time.Microsecond, FirstByte: 412 * time.Microsecond, LastByte: 415 * time.Microsecond, Transaction: "failed",
	}}
}

// exampleRequest is a request of HTTP.
func exampleRequest(id flow.SessionID) flow.Record {
	return flow.Record{Event: flow.EventOperation, Service: "web", Session: id, Operation: &flow.Operation{
		Protocol: "http", User: "ada", Application: "curl/8.5.0", Auth: "basic", Name: "GET", Text: "/orders/?",
		Fingerprint: 0x8796a5b4c3d2e1f0, Status: "200", Rows: -1, FromClient: 92, FromBackend: 1311,
		FirstByte: 2 * time.Millisecond, LastByte: 3 * time.Millisecond,
	}}
}
