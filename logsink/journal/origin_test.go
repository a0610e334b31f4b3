package journal

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

func drawConveyed(t *rapid.T) flow.Conveyed {
	return flow.Conveyed{
		Client: maybeAddr(t, "client"), Server: maybeAddr(t, "server"), Zone: enum(t, "client zone", flow.ZonePublic+1),
		Version: rapid.Uint8Range(1, 2).Draw(t, "version"),
	}
}

func drawOrigin(t *rapid.T) flow.Origin {
	o := flow.Origin{Attribution: enum(t, "attribution", flow.AttributionExactConnect+1)}
	if o.Attribution == flow.AttributionNone {
		return o
	}
	o.UID, o.User = rapid.Uint32().Draw(t, "uid"), drawText(t, "user")
	o.PID, o.Program = rapid.IntRange(1, 1<<22).Draw(t, "pid"), drawText(t, "program")
	o.Forwarder = maybe(t, "forwarder", drawForwarder)
	o.Process = maybe(t, "process", func(t *rapid.T) flow.Process { return drawProcess(t, &o) })
	for range rapid.IntRange(0, 3).Draw(t, "holders") {
		h := flow.Process{PID: 1<<22 + rapid.IntRange(1, 9).Draw(t, "pid"), Program: drawText(t, "program")}
		h.UID, h.User = drawUser(t, &o)
		o.Holders = append(o.Holders, &h)
	}
	if o.Process != nil && len(o.Holders) > 0 && rapid.Bool().Draw(t, "holds") {
		o.Holders[0] = o.Process
	}
	return o
}

// drawUser is often the socket's owner.
func drawUser(t *rapid.T, o *flow.Origin) (uint32, string) {
	if rapid.Bool().Draw(t, "owner") {
		return o.UID, o.User
	}
	return rapid.Uint32Max(1).Draw(t, "uid"), drawText(t, "user")
}

func drawForwarder(t *rapid.T) flow.Forwarder {
	return flow.Forwarder{
		Name: drawText(t, "name"), PID: rapid.IntRange(0, 1<<22).Draw(t, "pid"), Own: rapid.Bool().Draw(t, "own"),
		Zone: enum(t, "zone", flow.ZonePublic+1), Far: maybeAddr(t, "far"), Reason: drawText(t, "reason"),
	}
}

func drawProcess(t *rapid.T, o *flow.Origin) flow.Process {
	n := rapid.Uint64()
	p := flow.Process{
		PID: o.PID, Program: o.Program, CommandLine: drawText(t, "command line"), WorkingDirectory: drawText(t, "directory"),
		Executable: flow.Executable{
			Path: drawText(t, "path"), Device: n.Draw(t, "device"), Inode: n.Draw(t, "inode"),
			Deleted: rapid.Bool().Draw(t, "deleted"),
		},
		Parents: rapid.SliceOfN(rapid.Custom(drawAncestor), 0, 3).Draw(t, "parents"), Cgroup: drawText(t, "cgroup"),
		Container: flow.Container{ID: drawText(t, "container"), Runtime: drawText(t, "runtime")},
		Unit:      drawText(t, "unit"), Session: rapid.IntRange(0, 1<<22).Draw(t, "session"), TTY: drawText(t, "tty"),
	}
	p.UID, p.User = drawUser(t, o)
	if rapid.Bool().Draw(t, "has start") {
		p.Started = anyTime().Draw(t, "start")
	}
	return p
}

func drawAncestor(t *rapid.T) flow.Ancestor {
	return flow.Ancestor{PID: rapid.IntRange(1, 1<<22).Draw(t, "pid"), Program: drawText(t, "program")}
}

// told is a record as its line tells it: a close has a summary of the origin, a session.origin nothing of the peer, a
// gate's verdict is the record's.
func told(r flow.Record) flow.Record {
	if r.Event == flow.EventSessionOrigin || r.Event == flow.EventOperation {
		r.Peer = nil
	}
	if o := r.Outcome; o != nil {
		over := *o
		if r.Verdict == nil {
			r.Verdict = o.Refused
		}
		over.Refused = r.Verdict
		r.Outcome = &over
	}
	if r.Origin != nil {
		r.Origin = toldOrigin(*r.Origin, r.Event == flow.EventSessionClose || r.Event == flow.EventOperation)
	}
	return r
}

func toldOrigin(o flow.Origin, short bool) *flow.Origin {
	whole := o.Process
	if p := whole; p != nil {
		q := *p
		if short {
			q = flow.Process{
				PID: p.PID, Program: p.Program, UID: p.UID, User: p.User, Executable: flow.Executable{Path: p.Executable.Path},
				Container: flow.Container{ID: p.Container.ID},
			}
		}
		o.Process = &q
		bare := flow.Process{PID: o.PID, Program: o.Program, UID: o.UID, User: o.User}
		if same(flow.Record{Origin: &flow.Origin{Process: &q}}, flow.Record{Origin: &flow.Origin{Process: &bare}}) == "" {
			o.Process = nil
		}
	}
	if short && o.Forwarder != nil {
		o.Forwarder = &flow.Forwarder{Name: o.Forwarder.Name, Own: o.Forwarder.Own, Zone: o.Forwarder.Zone}
	}
	held := o.Holders
	o.Holders = nil
	for _, h := range held {
		switch {
		case short:
		case h == whole && o.Process != nil:
			o.Holders = append(o.Holders, o.Process)
		default:
			o.Holders = append(o.Holders, &flow.Process{PID: h.PID, Program: h.Program, UID: h.UID, User: h.User})
		}
	}
	return &o
}

// sayAll is the process of an origin that says s wherever it can.
func sayAll(o *flow.Origin, s string) *flow.Process {
	return &flow.Process{
		PID: o.PID, Program: o.Program, User: s, Started: time.Unix(1, 2).UTC(), Executable: flow.Executable{Path: s},
		CommandLine: s, WorkingDirectory: s, Parents: []flow.Ancestor{{PID: 1, Program: s}}, Cgroup: s,
		Container: flow.Container{ID: s, Runtime: s}, Unit: s, Session: 1, TTY: s,
	}
}

// located is a session.origin of opened's process.
func located(id flow.SessionID) flow.Record {
	r := opened(id)
	r.Event, r.Verdict, r.Backend = flow.EventSessionOrigin, nil, nil
	r.Origin.Process = &flow.Process{
		PID: 4242, Started: time.Date(2026, 3, 14, 9, 20, 0, 430000000, time.UTC), Program: "psql",
		Executable:  flow.Executable{Path: "/usr/lib/postgresql/15/bin/psql", Device: 65025, Inode: 1835011},
		CommandLine: "psql -h localhost -p 62893 shop", WorkingDirectory: "/home/ada/shop", UID: 1000, User: "ada",
		Parents: []flow.Ancestor{{PID: 4100, Program: "bash"}, {PID: 4096, Program: "tmux"}, {PID: 1, Program: "systemd"}},
		Cgroup:  "/user.slice/user-1000.slice/session-3.scope", Unit: "session-3.scope", Session: 4100, TTY: "pts/3",
	}
	return r
}

// TestLongestOrigin has a process that says as much as it can, in bytes that take the most room.
func TestLongestOrigin(t *testing.T) {
	s := strings.Repeat("\xff", 1<<16)
	r := located(flow.NewSessionID())
	r.Origin.Program, r.Origin.User = s, s
	p := sayAll(r.Origin, s)
	p.User = "x" + s
	for range 2 * flow.ParentsMax {
		p.Parents = append(p.Parents, flow.Ancestor{PID: 1 << 22, Program: s})
	}
	r.Origin.Process, r.Origin.Forwarder = p, &flow.Forwarder{Name: s, Reason: s}
	for range 100 {
		r.Origin.Holders = append(r.Origin.Holders, &flow.Process{PID: 7, Program: s, User: "y" + s})
	}
	line := lineOf(t, &r)
	if len(line) > maxLine/2 {
		t.Errorf("the line has %d bytes", len(line))
	}
	if err := parseSchema(t).checkLine(line); err != nil {
		t.Error(err)
	}
	e, err := Decode(line)
	if err != nil {
		t.Fatal(err)
	}
	o := e.Record.Origin
	if len(o.Holders) != holdersMax || !bytes.Contains(line, []byte(`"held_by_omitted":68`)) {
		t.Errorf("%d holders", len(o.Holders))
	}
	if len(o.Process.Parents) != flow.ParentsMax || len(o.Process.CommandLine) != flow.CommandLineMax ||
		len(o.Process.Cgroup) != pathMax || len(o.Program) != nameMax {
		t.Errorf("%d parents; command line %d, cgroup %d, program %d bytes",
			len(o.Process.Parents), len(o.Process.CommandLine), len(o.Process.Cgroup), len(o.Program))
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 4, ""},
		{"abcd", 4, "abcd"},
		{"abcde", 4, "a…"},
		{"aäääää", 6, "aä…"},
		{"aäääää", 7, "aä…"},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", 8, "\x80…"},
	} {
		if got := clip(c.in, c.limit); got != c.want {
			t.Errorf("%q in %d bytes is %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}

// TestCloseIsShort holds a close to a summary of the process.
func TestCloseIsShort(t *testing.T) {
	r := closed(flow.NewSessionID())
	plain := len(lineOf(t, &r))
	r.Origin.Process = located(r.Session).Origin.Process
	line := lineOf(t, &r)
	if more := len(line) - plain; more != len(`,"executable":{"path":"/usr/lib/postgresql/15/bin/psql"}`) {
		t.Errorf("a process makes a close %d bytes longer: %s", more, line)
	}
}

// TestOriginStaysInItsSession appends origins before, in and after a session.
func TestOriginStaysInItsSession(t *testing.T) {
	dir := t.TempDir()
	j, stop := running(t, small(dir))
	id := flow.NewSessionID()
	if _, err := appendWait(j, located(id)); err == nil {
		t.Error("an origin is taken before its session's open")
	}
	mustAppend(t, j, opened(id))
	mustAppend(t, j, located(id))
	mustAppend(t, j, closed(id))
	if _, err := appendWait(j, located(id)); err == nil {
		t.Error("an origin is taken after its session's close")
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if r := content(t, dir); r.Dropped != 2 {
		t.Errorf("report %+v", r)
	}
	var origins int
	for _, e := range entries(t, dir) {
		if e.Record.Event == flow.EventSessionOrigin {
			origins++
		}
	}
	if origins != 1 {
		t.Errorf("%d origins are in the journal", origins)
	}
}

// TestCrashKnowsTheOrigin has the close of a crashed session tell what its session.origin said.
func TestCrashKnowsTheOrigin(t *testing.T) {
	dir := t.TempDir()
	j, stop := running(t, small(dir))
	id := flow.NewSessionID()
	open := opened(id)
	open.Origin = &flow.Origin{Attribution: flow.AttributionUIDOnly, UID: 1000, User: "ada"}
	mustAppend(t, j, open)
	mustAppend(t, j, located(id))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	cutLast(t, lastSegment(t, dir))
	restart(t, dir)
	content(t, dir)
	_, closes := recoveries(entries(t, dir))
	if len(closes) != 1 || closes[0].Origin.Process == nil || closes[0].Peer == nil {
		t.Fatalf("closes %+v", closes)
	}
	if o := closes[0].Origin; o.PID != 4242 || o.Process.Executable.Path != "/usr/lib/postgresql/15/bin/psql" {
		t.Errorf("origin %+v, process %+v", o, o.Process)
	}
}

// TestVerifyOrigin looks for origins that belong to no open session, which is right only where the beginning was
// pruned.
func TestVerifyOrigin(t *testing.T) {
	id, w := flow.NewSessionID(), &writer{id: strings.Repeat("0123456789abcdef", 2), epoch: "fedcba9876543210"}
	w.at = point{0, chainStart(w.id)}
	records := []flow.Record{w.begun(time.Time{}, flow.EventJournalStart), opened(id), closed(id), located(id)}
	for i := range records {
		enc := newEncoder()
		if err := enc.encode(&records[i]); err != nil {
			t.Fatal(err)
		}
		w.line(&item{enc: enc})
	}
	dir := t.TempDir()
	writeFile(t, dir+"/"+segmentName(1), w.batch)
	r, err := Verify(dir)
	if err != nil || r.Problem == nil || r.Problem.Line != 4 || r.Problem.Expected != "a session that is open" {
		t.Errorf("%+v, %v", r, err)
	}
	v := &verifier{report: &Report{Pruned: 7}, open: map[flow.SessionID]opening{}}
	line := lineOf(t, &records[3])
	h, _ := parseHead(line[:len(line)-1])
	if problem := v.event(&h, line); problem != nil {
		t.Errorf("its open was pruned: %v", problem)
	}
}

// TestLeastProcess has processes of which hardly anything is known.
func TestLeastProcess(t *testing.T) {
	for _, p := range []flow.Process{
		{PID: 4242, Program: "psql", UID: 1000, User: "ada"}, // nothing that the origin does not say
		{PID: 4242, Program: "psql", UID: 0, User: "root"},
		{PID: 4242, Program: "psql", UID: 1000},
		{PID: 4242, Program: "psql", UID: 1000, User: "ada", TTY: "pts/1"},
	} {
		r := opened(flow.NewSessionID())
		r.Time = r.Time.Round(0).UTC()
		r.Origin.Process = &p
		e, err := Decode(lineOf(t, &r))
		if err != nil {
			t.Fatal(err)
		}
		if diff := same(told(r), e.Record); diff != "" {
			t.Errorf("%+v: %s", p, diff)
		}
	}
}
