package alert

import (
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr/vm"

	"github.com/lodoor/lodoor/proxy/flow"
)

// sampleRecords are of every kind, some with all their parts and some with none.
func sampleRecords() []flow.Record {
	full := flow.Record{
		Time: time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC), Service: "pg", Peer: &flow.Peer{Zone: flow.ZoneUnix},
		Origin: &flow.Origin{
			Attribution: flow.AttributionLiveSocket, Program: "a\x00b\xff", Process: &flow.Process{},
			Forwarder: &flow.Forwarder{Name: "sshd"},
		},
		Verdict: &flow.Verdict{Action: flow.WouldDeny, Cause: flow.CauseRule},
		Outcome: &flow.Outcome{Known: true, End: flow.EndReset, FromClient: 1 << 60, Refused: &flow.Verdict{}},
		Refusal: &flow.Refusal{}, Config: &flow.Config{}, Journal: &flow.Journal{},
	}
	var all []flow.Record
	for _, e := range flow.Events() {
		some := full
		some.Event = e
		all = append(all, some, flow.Record{Event: e})
	}
	return all
}

// Whatever a person writes is refused with a reason, or asked of every record without harm, and never of one whose
// numbers are not known.
func FuzzWhen(f *testing.F) {
	for _, text := range []string{
		`event == "session.refused" and rule.cause in ["non_local", "disguised"]`, `session.duration > duration("1s")`,
		`let s = session; s.dial == s.dial`, `inCIDR(client.address, "10.0.0.0/8")`, `client?.address == nil`, `{"a": 1}.a == uid`,
		`lower(program) matches "^p.*"`, `[1,2][uid] == 1`, `len(string(refused.count)) > int("1")`, `env["session"] != nil`,
		`(true ? session : session).lane == ""`, `hour in 1..5 or weekday == "monday"`, `program[uid:] == ""`, `1/0 > uid`,
	} {
		f.Add(text)
	}
	records := sampleRecords()
	f.Fuzz(func(t *testing.T, text string) {
		o, problems := newOwn(Condition{Name: "fuzz", When: text, Window: "count() > 0 in 1m by program, uid"})
		if len(problems) > 0 {
			if problems[0].Error() == "" {
				t.Fatal("an error without words")
			}
			return
		}
		machine, env := vm.VM{MemoryBudget: maxWhenMemory}, environment{}
		for i := range records {
			r := &records[i]
			env.fill(r, o.needs)
			_, ok, err := o.look(&machine, &env, r, time.Minute)
			if holds, _ := o.when.ask(&machine, &env); holds && !ok && err == nil && (o.needs&needsMeasured == 0 || measured(r)) {
				t.Fatalf("%s of %v: it holds, and is not looked at", text, r.Event)
			}
			if ok && (err != nil || o.needs&needsMeasured != 0 && !measured(r)) {
				t.Fatalf("%s of %v: %v", text, r.Event, err)
			}
		}
	})
}

// An expression may name each event that is looked at; of another it is told why not.
func TestEveryEventCanBeNamed(t *testing.T) {
	for _, e := range flow.Events() {
		_, problems := newOwn(Condition{Name: "n", When: `event == "` + e.String() + `"`})
		switch {
		case looksAt(e) && len(problems) > 0:
			t.Errorf("%s: %v", e, problems)
		case !looksAt(e) && (len(problems) != 1 || !strings.Contains(problems[0].Error(), "are not looked at")):
			t.Errorf("%s is not looked at, and may be named: %v", e, problems)
		}
	}
}

// The fields that need something are told wherever they are written, in a window as well.
func TestNeeds(t *testing.T) {
	for _, test := range []struct {
		when, window string
		want         needs
	}{
		{"true", "", 0},
		{`session.end == "fin" and client.port == 1`, "", 0},
		{`session.dial > duration("1s")`, "", needsMeasured},
		{`not (session["bytes_from_client"] == 1)`, "", needsMeasured},
		{`session?.first_byte == nil`, "", needsMeasured},
		{`client.address == ""`, "", needsClient},
		{"hour == 1", "", needsClock},
		{"true", "sum(session.bytes_from_backend) > 1 in 1m", needsMeasured},
		{"true", "max(session.duration) > 1s in 1m by client.address, weekday", needsMeasured | needsClient | needsClock},
	} {
		o, problems := newOwn(Condition{Name: "x", When: test.when, Window: test.window})
		if len(problems) > 0 || o.needs != test.want {
			t.Errorf("%s, %s: needs %v, want %v; %v", test.when, test.window, o.needs, test.want, problems)
		}
	}
}

// What an expression plainly says of events is known before it is asked, and nothing else.
func TestEventsOfAnExpression(t *testing.T) {
	opens, closes := events(1)<<flow.EventSessionOpen, events(1)<<flow.EventSessionClose
	for _, test := range []struct {
		when string
		want events
	}{
		{`event == "session.open"`, opens},
		{`"session.open" == event and service == "x"`, opens},
		{`service == "x" && (uid == 1 and event == "session.open")`, opens},
		{`event in ["session.open", "session.close"] and uid == 1`, opens | closes},
		{`event == "session.open" and event == "session.close"`, 0},
		{`event == "session.open" or uid == 1`, everyEvent},
		{`not (event == "session.open")`, everyEvent},
		{`event != "session.open"`, everyEvent},
		{`lower(event) == "session.open"`, everyEvent},
		{`event in ["session.open"] ? true : uid == 1`, everyEvent},
	} {
		o, problems := newOwn(Condition{Name: "x", When: test.when})
		if len(problems) > 0 || o.when.events != test.want {
			t.Errorf("%s: %b, want %b; %v", test.when, o.when.events, test.want, problems)
		}
	}
}

// What a record costs of which no condition says anything; the promise is less than 1 µs a condition.
func BenchmarkUnmatched(b *testing.B) {
	for name, event := range map[string]flow.Event{"asked": flow.EventSessionClose, "other event": flow.EventSessionOpen} {
		b.Run(name, func(b *testing.B) { unmatched(b, event) })
	}
}

func unmatched(b *testing.B, event flow.Event) {
	const conditions = 10
	a, err := New(Config{Append: func(flow.Record) {}, Settings: Settings{Conditions: func() (list []Condition) {
		for i := range conditions {
			list = append(list, Condition{
				Name: "c" + string(rune('a'+i)), When: `event == "session.close" and service == "other" and session.bytes_from_client > 10`,
				Window: "count() > 5 in 1m by client.address",
			})
		}
		return list
	}()}})
	if err != nil {
		b.Fatal(err)
	}
	r := flow.Record{
		Event: event, Service: "pg", Peer: &flow.Peer{Zone: flow.ZoneLoopback}, Origin: &flow.Origin{Program: "psql"},
		Verdict: &flow.Verdict{Action: flow.Allow}, Outcome: &flow.Outcome{Known: true, End: flow.EndFIN, Lane: "copy"},
	}
	if event == flow.EventSessionOpen {
		r.Origin.Program = "" // no burst
	}
	entry, now := &flow.Entry{Record: &r}, time.Now()
	a.began = now
	b.ReportAllocs()
	for b.Loop() {
		a.look(entry, now)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/conditions, "ns/condition")
}

// What one costs that matches and is counted.
func BenchmarkMatched(b *testing.B) {
	a, err := New(Config{Append: func(flow.Record) {}, Settings: Settings{Conditions: []Condition{{
		Name: "c", When: `event == "session.open"`, Window: "count() > 1000000000 in 1m by service, program",
	}}}})
	if err != nil {
		b.Fatal(err)
	}
	r := flow.Record{Event: flow.EventSessionOpen, Service: "pg", Origin: &flow.Origin{Program: ""}}
	entry, now := &flow.Entry{Record: &r}, time.Now()
	a.began = now
	b.ReportAllocs()
	for b.Loop() {
		a.look(entry, now)
	}
}
