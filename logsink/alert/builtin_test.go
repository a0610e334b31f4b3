package alert_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// reached is the close of a session that the backend answered.
func reached(service string, lasted time.Duration) flow.Record {
	return flow.Record{
		Event: flow.EventSessionClose, Service: service,
		Outcome: &flow.Outcome{Known: true, End: flow.EndFIN, Lane: "copy", Duration: lasted},
	}
}

func opened(service, program, executable string) flow.Record {
	return flow.Record{
		Event: flow.EventSessionOpen, Service: service, Peer: &flow.Peer{Addr: addr(1), Zone: flow.ZoneLoopback},
		Verdict: &flow.Verdict{Action: flow.Allow}, Origin: &flow.Origin{
			Attribution: flow.AttributionLiveSocket, PID: 7, Program: program,
			Process: &flow.Process{PID: 7, Program: program, Executable: flow.Executable{Path: executable}},
		},
	}
}

func TestBackendIsResolvedByASessionThatReachesIt(t *testing.T) {
	b := newBell(t)
	want(t, b.give(closed("pg", flow.EndDialRefused, "down")), "pg: backend down: down")
	b.pass(10 * time.Second)
	down := closed("pg", flow.EndDialRefused, "down")
	want(t, b.give(down, down))
	id := b.last().ID
	b.pass(10 * time.Second)
	want(t, b.give(reached("pg", 15*time.Second))) // it was open before
	want(t, b.give(reached("redis", time.Second)))
	want(t, b.give(closed("pg", flow.EndClientGone, "")))
	want(t, b.give(reached("pg", time.Second)), "pg: backend: reached again after 20s; 3 events")
	if a := b.last(); !a.Resolved || a.Silenced || a.ID != id || a.Count != 3 || a.Severity != flow.SeverityWarning {
		t.Errorf("resolved by %+v", a)
	}
	want(t, b.give(reached("pg", time.Second)))
	want(t, b.give(closed("pg", flow.EndDialRefused, "down")), "pg: backend down: down")
	if a := b.last(); a.Repeat || a.Resolved || a.ID != id {
		t.Errorf("again down is %+v", a)
	}
}

// A backend that is down and that nobody asks for stays down.
func TestWhatCanBeResolvedIsNotForgottenSoon(t *testing.T) {
	b := newBell(t)
	b.give(closed("pg", flow.EndDialRefused, "down"))
	b.pass(time.Hour)
	want(t, b.give(reached("pg", time.Second)), "pg: backend: reached again after 1h0m0s; 1 event")
	b.give(closed("pg", flow.EndDialRefused, "down"))
	b.now = b.now.Add(24 * time.Hour)
	b.pass(time.Second)
	want(t, b.give(reached("pg", time.Second)))
}

func TestConfigurationIsResolvedByOneThatIsLoaded(t *testing.T) {
	b := newBell(t)
	loaded := flow.Record{Event: flow.EventConfigLoaded, Config: &flow.Config{Source: "a.yaml"}}
	want(t, b.give(loaded))
	b.give(flow.Record{Event: flow.EventConfigRejected, Config: &flow.Config{Source: "a.yaml", Error: "x"}})
	b.pass(90 * time.Second)
	want(t, b.give(loaded), "config: a configuration was loaded after 1m30s; 1 event")
	want(t, b.give(loaded))
}

func TestDiskFullAndMended(t *testing.T) {
	for _, full := range []error{fmt.Errorf("write: %w", journal.ErrSpace), fmt.Errorf("write: %w", syscall.ENOSPC)} {
		b := newBell(t)
		b.a.Trouble(full)
		b.a.Trouble(errors.New("sync: input/output error"))
		got := b.pass(time.Second)
		want(t, got, "no space is left for the journal: "+full.Error(),
			"the journal is in trouble: sync: input/output error")
		if a := b.rang[0].Alert; a.Condition != "disk" || a.Severity != flow.SeverityCritical {
			t.Errorf("alert %+v", a)
		}
		b.a.Trouble(full)
		b.a.Mended()
		b.a.Mended()
		want(t, b.pass(10*time.Second), "disk: in order again after 1s; 2 events", "journal: in order again after 1s; 1 event")
		b.a.Mended()
		want(t, b.pass(10*time.Minute))
	}
}

// That records were dropped is told when it is over, or for want of room in memory: nothing comes that would resolve it.
func TestDroppedRecordsAreNotActiveForLong(t *testing.T) {
	b := newBell(t)
	b.a.Trouble(errors.New("write failed"))
	b.a.Mended()
	b.pass(time.Second)
	gap := flow.Record{Event: flow.EventJournalGap, Journal: &flow.Journal{Count: 7, Reason: "write failed"}}
	want(t, b.give(gap), "the journal is in trouble, 7 records or sessions: records were dropped: write failed")
	want(t, b.pass(6*time.Minute))
	if s := b.a.Active(); len(s) != 0 {
		t.Errorf("active is %+v", s)
	}
}

// More may go wrong between two looks than is kept; that it is over is never lost.
func TestTroublesAreBounded(t *testing.T) {
	b := newBell(t)
	for range 1000 {
		b.a.Trouble(errors.New("write failed"))
	}
	b.a.Mended()
	want(t, b.pass(time.Second), "the journal is in trouble: write failed", "journal: in order again after 0s; 1000 events")
}

func TestSinksThatDoNotKeepUp(t *testing.T) {
	var feed journal.FeedStats
	var ended []string
	inBubble(t, alert.Config{
		Lags: func() []journal.FeedStats { return []journal.FeedStats{feed} }, Ended: func() []string { return ended },
	}, func(b *bell) {
		feed = journal.FeedStats{Name: "nats", Behind: 5, Lag: time.Minute}
		want(t, b.pass(2*time.Second))
		feed.Lag, feed.Behind, feed.Err = 61*time.Second, 7000, errors.New("no route\nto host")
		want(t, b.pass(time.Second), "nats does not keep up: 7000 records wait for it, the oldest for 1m1s: no route (and 1 more)")
		if a := b.last(); a.Condition != "sink_lag" || fmt.Sprint(a.By) != "[{sink nats}]" {
			t.Errorf("alert %+v", a)
		}
		feed.Behind, feed.Lag, feed.Err = 0, 0, nil
		want(t, b.pass(30*time.Second))
		want(t, b.pass(31*time.Second), "nats: keeps up again after 1m0s; 1 event")
		feed.Skipped = 12
		want(t, b.pass(time.Second), "nats does not keep up: 12 records were erased before it took them")
		if a := b.last(); a.Count != 12 {
			t.Errorf("alert %+v", a)
		}
		want(t, b.pass(2*time.Minute), "nats: keeps up again after 1m0s; 12 events")
		ended = []string{"console"}
		want(t, b.pass(time.Second), "console does not keep up: it has failed and gets no more records until lodoor is started again")
	})
}

func TestBurstOfSessions(t *testing.T) {
	b := newBell(t)
	var got []string
	for range 1000 {
		got = append(got, b.give(opened("pg", "psql", "/usr/bin/psql"))...)
		found := opened("pg", "node", "/usr/bin/node")
		found.Event = flow.EventSessionOrigin
		unknown := opened("pg", "", "")
		unknown.Origin = &flow.Origin{}
		far := unknown
		far.Peer = &flow.Peer{Addr: addr(9), Zone: flow.ZoneLAN}
		got = append(got, b.give(unknown, found, far)...)
	}
	want(t, got)
	want(t, b.give(opened("pg", "psql", "/usr/bin/psql")), "pg: a burst: 1001 sessions of psql in 1m0s")
	if a := b.last(); a.Program != "psql" || a.Severity != flow.SeverityInfo || a.Condition != "burst" {
		t.Errorf("alert %+v", a)
	}
	unknown := opened("pg", "", "")
	unknown.Origin, unknown.Peer = nil, &flow.Peer{Addr: addr(9), Zone: flow.ZoneLAN}
	want(t, b.give(unknown), "pg: a burst: 1001 sessions of 198.18.0.9 in 1m0s")
	b.pass(2 * time.Minute)
	want(t, b.give(opened("pg", "psql", "/usr/bin/psql")))
}

// What its own condition tells is not told twice; where that is switched off, a burst still is.
func TestBurstOfRefusals(t *testing.T) {
	inBubble(t, alert.Config{Settings: alert.Settings{Disable: []string{"denied"}}}, func(b *bell) {
		many := refused("pg", flow.ZoneLAN, flow.CauseRule, addr(1))
		many.Refusal = &flow.Refusal{Count: 100, Distinct: 1}
		want(t, b.give(many))
		want(t, b.give(refused("redis", flow.ZoneLAN, flow.CauseRule, addr(1))))
		want(t, b.give(refused("pg", flow.ZoneLAN, flow.CauseRule, addr(1))),
			"pg: a burst: 101 refusals in 1m0s, the last one: the reason")
		if a := b.last(); a.Condition != "burst" || a.Severity != flow.SeverityWarning {
			t.Errorf("alert %+v", a)
		}
	})
}

func TestSeverityOfTheConfiguration(t *testing.T) {
	s := alert.Settings{Severity: []alert.Override{{"denied", "critical"}, {"non_local_peer", "info"}}}
	inBubble(t, alert.Config{Settings: s}, func(b *bell) {
		b.give(refused("pg", flow.ZoneLoopback, flow.CauseRule, addr(1)), refused("pg", flow.ZoneLAN, flow.CauseDisguised, addr(1)))
		if got := fmt.Sprint(b.rang[0].Alert.Severity, b.rang[1].Alert.Severity); got != "critical info" {
			t.Errorf("severities %s", got)
		}
	})
}
