package alert_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/lodoor/lodoor/logsink"
	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bell is Alerts with what it has appended, and a clock.
type bell struct {
	t     *testing.T
	a     *alert.Alerts
	now   time.Time
	rang  []flow.Record
	taken int
	// bubble says that time is that of a synctest bubble, as it is where methods look at the clock themselves.
	bubble bool
	warned []string
}

func newBell(t *testing.T) *bell {
	t.Helper()
	b := &bell{t: t, now: time.Date(2025, 3, 4, 15, 4, 5, 0, time.UTC)}
	b.begin(alert.Config{})
	return b
}

// inBubble is newBell in a synctest bubble, with a configuration.
func inBubble(t *testing.T, c alert.Config, test func(b *bell)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bell{t: t, now: time.Now(), bubble: true}
		b.begin(c)
		test(b)
	})
}

// begin makes the alerts, again as after a restart.
func (b *bell) begin(c alert.Config) {
	b.t.Helper()
	c.Append = func(r flow.Record) { b.rang = append(b.rang, r) }
	c.Warn = func(err error) { b.warned = append(b.warned, err.Error()) }
	a, err := alert.New(c)
	if err != nil {
		b.t.Fatal(err)
	}
	b.a = a
}

// give hands records to the alerts at the bell's time and returns the messages that came of them.
func (b *bell) give(records ...flow.Record) []string { return b.batch(flow.Batch{}, records...) }

func (b *bell) batch(batch flow.Batch, records ...flow.Record) []string {
	b.t.Helper()
	for i := range records {
		if records[i].Time.IsZero() {
			records[i].Time = b.now
		}
		batch.Entries = append(batch.Entries, &flow.Entry{Record: &records[i]})
	}
	batch.Now = b.now
	if n, err := b.a.Consume(context.Background(), batch); err != nil || n != len(records) {
		b.t.Fatalf("took %d of %d: %v", n, len(records), err)
	}
	return b.new()
}

// pass lets time go by, a tick a second, and returns the messages that came of it.
func (b *bell) pass(d time.Duration) (messages []string) {
	b.t.Helper()
	for range d / time.Second {
		if b.now = b.now.Add(time.Second); b.bubble {
			<-time.After(time.Second)
			b.now = time.Now()
		}
		messages = append(messages, b.batch(flow.Batch{Tick: true})...)
	}
	return messages
}

func (b *bell) new() (messages []string) {
	for ; b.taken < len(b.rang); b.taken++ {
		messages = append(messages, b.rang[b.taken].Alert.Message)
	}
	return messages
}

func (b *bell) last() *flow.Alert { return b.rang[len(b.rang)-1].Alert }

func addr(n uint32) netip.AddrPort {
	var raw [4]byte
	binary.BigEndian.PutUint32(raw[:], 0xc6120000+n) // 198.18.0.0/15
	return netip.AddrPortFrom(netip.AddrFrom4(raw), 4444)
}

func refused(service string, zone flow.Zone, cause flow.Cause, from netip.AddrPort) flow.Record {
	return flow.Record{
		Event: flow.EventSessionRefused, Service: service, Peer: &flow.Peer{Addr: from, Zone: zone},
		Verdict: &flow.Verdict{Cause: cause, Reason: "the reason"}, Refusal: &flow.Refusal{Count: 1},
	}
}

func closed(service string, end flow.End, detail string) flow.Record {
	return flow.Record{
		Event: flow.EventSessionClose, Service: service, Outcome: &flow.Outcome{End: end, Detail: detail},
	}
}

func want(t *testing.T, got []string, messages ...string) {
	t.Helper()
	if len(got) != len(messages) {
		t.Fatalf("got %d messages %q, want %d", len(got), got, len(messages))
	}
	for i := range got {
		if got[i] != messages[i] {
			t.Errorf("\ngot  %q\nwant %q", got[i], messages[i])
		}
	}
}

func TestConditions(t *testing.T) {
	from := addr(1)
	observed := refused("pg", flow.ZoneLAN, flow.CauseRule, from)
	observed.Event, observed.Verdict.Action, observed.Refusal = flow.EventSessionOpen, flow.WouldDeny, nil
	allowed := observed
	allowed.Verdict = &flow.Verdict{Action: flow.Allow}
	many := refused("pg", flow.ZoneLAN, flow.CauseTripwire, from)
	many.Refusal = &flow.Refusal{Count: 500, Distinct: 300, Sample: []netip.AddrPort{from}}
	unixPeer := refused("pg", flow.ZoneUnix, flow.CauseIdentity, netip.AddrPort{})
	gap := flow.Record{Event: flow.EventJournalGap, Journal: &flow.Journal{Count: 7, Reason: "disk full"}}
	broken := flow.Record{Event: flow.EventConfigRejected, Config: &flow.Config{Source: "a.yaml", Error: "x\ny\nz\n"}}

	const warning, critical = flow.SeverityWarning, flow.SeverityCritical
	tests := []struct {
		name      string
		r         flow.Record
		condition string // empty: no alert
		severity  flow.Severity
		count     uint64
		message   string
	}{
		{"non-local", refused("pg", flow.ZoneLAN, flow.CauseNonLocal, from), "non_local_peer", warning, 1,
			"pg: refused 198.18.0.1:4444: the reason"},
		{"disguised", refused("pg", flow.ZoneLoopback, flow.CauseDisguised, from), "non_local_peer", critical, 1,
			"pg: refused 198.18.0.1:4444: the reason"},
		{"tripwire, many in one record", many, "non_local_peer", warning, 500,
			"pg: refused 500 connections from at least 300 addresses: the reason"},
		{"rule", refused("pg", flow.ZoneLoopback, flow.CauseRule, from), "denied", warning, 1,
			"pg: refused 198.18.0.1:4444: the reason"},
		{"identity", unixPeer, "denied", warning, 1, "pg: refused a connection: the reason"},
		{"observed", observed, "denied", warning, 1,
			"pg: in observe mode, let in and would have refused 198.18.0.1:4444: the reason"},
		{"limit", refused("pg", flow.ZoneLoopback, flow.CauseLimit, from), "limit", warning, 1,
			"pg: refused 198.18.0.1:4444: the reason"},
		{"journal refuses", refused("pg", flow.ZoneLoopback, flow.CauseJournal, from), "journal", critical, 1,
			"pg: the journal is in trouble: the reason"},
		{"gap", gap, "journal", critical, 7,
			"the journal is in trouble, 7 records or sessions: records were dropped: disk full"},
		{"backend down", closed("pg", flow.EndDialRefused, "nothing listens on localhost:5432"), "backend_down", warning,
			1, "pg: backend down: nothing listens on localhost:5432"},
		{"backend silent", closed("pg", flow.EndDialTimeout, ""), "backend_down", warning, 1,
			"pg: backend down: dial timeout"},
		{"refused after open", closed("pg", flow.EndDenied, "a browser"), "denied", warning, 1,
			"pg: refused a connection: a browser"},
		{"configuration", broken, "config", warning, 1,
			"the new configuration was rejected, nothing is changed: a.yaml: x (and 2 more)"},
		{"draining", refused("pg", flow.ZoneLoopback, flow.CauseDraining, from), "", 0, 0, ""},
		{"allowed", allowed, "", 0, 0, ""},
		{"ordinary close", closed("pg", flow.EndFIN, ""), "", 0, 0, ""},
		{"an alert", flow.Record{Event: flow.EventAlert, Alert: &flow.Alert{}}, "", 0, 0, ""},
		{"half a record", flow.Record{Event: flow.EventSessionRefused}, "", 0, 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBell(t)
			got := b.give(test.r)
			if test.condition == "" {
				want(t, got)
				return
			}
			want(t, got, test.message)
			a := b.last()
			if a.Condition != test.condition || a.Severity != test.severity || a.Count != test.count || a.Repeat {
				t.Errorf("alert %+v", a)
			}
			if a.Observed != (test.name == "observed") || !b.a.Wants(test.r.Event) {
				t.Errorf("observed %v, wants %v", a.Observed, b.a.Wants(test.r.Event))
			}
		})
	}
}

func TestTenThousandAttemptsMakeOneMessageAndOneRepeat(t *testing.T) {
	b := newBell(t)
	var messages []string
	for i := range uint32(10000) {
		messages = append(messages, b.give(refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr(i)))...)
		if i%1000 == 999 {
			messages = append(messages, b.pass(time.Second)...)
		}
	}
	want(t, messages, "pg: refused 198.18.0.0:4444: the reason")
	want(t, b.pass(5*time.Minute), "pg: refused 10000 connections from at least 1024 addresses in 9s: the reason")
	a := b.last()
	if !a.Repeat || a.Count != 10000 || len(a.Sample) != 8 || a.Zone != flow.ZonePublic {
		t.Errorf("the repeat is %+v", a)
	}
	if d := a.Last.Sub(a.First); d != 9*time.Second {
		t.Errorf("first to last is %v", d)
	}
	want(t, b.pass(time.Hour))
}

func TestOneAddressIsNamed(t *testing.T) {
	b := newBell(t)
	for range 3 {
		b.give(refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr(1)))
	}
	want(t, b.pass(time.Minute), "pg: refused 3 connections from 198.18.0.1: the reason")
}

// What is counted comes back after 1, 2, 4… minutes, so that a lasting trouble does not shout for ever.
func TestRepeatsBecomeRare(t *testing.T) {
	b := newBell(t)
	begin := b.now
	var at []time.Duration
	for range 8 * 3600 {
		b.give(closed("pg", flow.EndDialRefused, "down"))
		if len(b.pass(time.Second)) > 0 {
			at = append(at, b.now.Sub(begin))
		}
	}
	var expected []time.Duration
	for sum, next := time.Duration(0), time.Minute; sum+next <= 8*time.Hour; next = min(2*next, time.Hour) {
		sum += next
		expected = append(expected, sum)
	}
	if fmt.Sprint(at) != fmt.Sprint(expected) {
		t.Errorf("repeats at %v, want %v", at, expected)
	}
}

func TestQuietGroupsEndAndBeginAnew(t *testing.T) {
	b := newBell(t)
	r := refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr(1))
	want(t, b.give(r), "pg: refused 198.18.0.1:4444: the reason")
	want(t, b.pass(4*time.Minute))
	want(t, b.give(r))
	want(t, b.pass(time.Second), "pg: refused 2 connections from 198.18.0.1 in 4m0s: the reason")
	want(t, b.pass(6*time.Minute))
	r.Time = b.now
	want(t, b.give(r), "pg: refused 198.18.0.1:4444: the reason")
	if a := b.last(); a.Repeat || a.Count != 1 {
		t.Errorf("not a new group: %+v", a)
	}
}

func TestGroupsAreKeptApart(t *testing.T) {
	b := newBell(t)
	observed := refused("pg", flow.ZoneLAN, flow.CauseNonLocal, addr(1))
	observed.Event, observed.Verdict.Action = flow.EventSessionOpen, flow.WouldDeny
	records := []flow.Record{
		refused("wildcard", flow.ZoneLAN, flow.CauseNonLocal, addr(1)),
		refused("loopback", flow.ZoneLAN, flow.CauseNonLocal, addr(1)),
		refused("wildcard", flow.ZonePublic, flow.CauseNonLocal, addr(1)),
		refused("wildcard", flow.ZoneLoopback, flow.CauseDisguised, addr(1)),
		refused("wildcard", flow.ZoneLoopback, flow.CauseRule, addr(1)),
		observed,
	}
	if got := b.give(records...); len(got) != len(records) {
		t.Errorf("%d alerts of %d kinds: %q", len(got), len(records), got)
	}
	want(t, b.give(records...))
}

func TestNumberOfGroupsIsBounded(t *testing.T) {
	b := newBell(t)
	for i := range 1000 {
		b.give(refused(fmt.Sprint("service", i), flow.ZonePublic, flow.CauseNonLocal, addr(1)))
	}
	if len(b.rang) != 257 {
		t.Errorf("%d alerts of 1000 groups, want 256 and one for the rest", len(b.rang))
	}
	got := b.pass(time.Minute)
	want(t, got, "not told one by one, 744 events: the reason")
	if a := b.last(); a.Condition != "other" || a.Count != 744 {
		t.Errorf("the rest is %+v", a)
	}
}

func TestCountsAreToldAtTheEnd(t *testing.T) {
	b := newBell(t)
	r := closed("pg", flow.EndDialRefused, "down")
	b.give(r, r, r)
	want(t, b.batch(flow.Batch{Last: true}), "pg: backend down, 3 sessions failed: down")
}

func TestJournalTrouble(t *testing.T) {
	b := newBell(t)
	for range 100 {
		b.a.Trouble(errors.New("write segment: disk full"))
	}
	want(t, b.pass(time.Second), "the journal is in trouble: write segment: disk full")
	want(t, b.pass(time.Minute), "the journal is in trouble, 100 records or sessions: write segment: disk full")
}

func TestRecordThatTheJournalLostIsTrouble(t *testing.T) {
	b := newBell(t)
	r := flow.Record{Event: flow.EventSessionOpen, Time: b.now}
	_, err := b.a.Consume(context.Background(), flow.Batch{
		Entries: []*flow.Entry{{Record: &r, Err: errors.New("disk full")}}, Now: b.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, b.new(), "the journal is in trouble: a record is not in it: disk full")
	if b.last().Severity != flow.SeverityCritical {
		t.Error("not critical")
	}
}

func TestMissedRecordsAreTold(t *testing.T) {
	b := newBell(t)
	want(t, b.batch(flow.Batch{Missed: 12}),
		"not told one by one, 12 events: records came too fast to be looked at for alerts")
}

// Alerts go through the log that they come from; they must not be looked at again.
func TestNoLoopThroughTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log *logsink.Log
		rang := 0
		a, err := alert.New(alert.Config{Append: func(r flow.Record) { rang++; log.Append(r, nil) }})
		if err != nil {
			t.Fatal(err)
		}
		if log, err = logsink.New(logsink.Config{Alerts: a}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- log.Run(ctx) }()
		for range 10 {
			log.Append(refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr(1)), nil)
		}
		<-time.After(10 * time.Minute)
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if rang != 2 {
			t.Errorf("%d alerts, want one and its repeat", rang)
		}
	})
}

func TestNewChecksItsConfig(t *testing.T) {
	for _, c := range []alert.Config{{}, {Append: func(flow.Record) {}, Settings: alert.Settings{Repeat: -1}}} {
		if _, err := alert.New(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
