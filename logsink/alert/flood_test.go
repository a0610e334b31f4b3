package alert_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/proxy/flow"
)

// refusalsOfASecond are the records that the door makes of n refused connections within one second, from as many of the
// addresses in turn: 20 singly, the others as one (proxy/refusals.go).
func refusalsOfASecond(first, n, addresses uint32) []flow.Record {
	const singly = 20
	var records []flow.Record
	for i := range uint32(singly) {
		records = append(records, refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr((first+i)%addresses)))
	}
	rest := refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr((first+singly)%addresses))
	rest.Refusal = &flow.Refusal{Count: uint64(n - singly)}
	rest.Refusal.Distinct = min(rest.Refusal.Count, uint64(addresses), 4096)
	rest.Refusal.DistinctCapped = rest.Refusal.Count > 4096 && addresses > 4096
	for i := range uint32(8) {
		rest.Refusal.Sample = append(rest.Refusal.Sample, addr((first+singly+i)%addresses))
	}
	return append(records, rest)
}

func TestAHundredThousandRefusalsAreOneAlertAndOneRepeat(t *testing.T) {
	for _, test := range []struct {
		addresses uint32
		repeat    string
	}{
		{1, "pg: refused 100000 connections from 198.18.0.0 in 49s: the reason"},
		{10_000, "pg: refused 100000 connections from at least 1980 addresses in 49s: the reason"},
	} {
		b := newBell(t)
		var messages []string
		records := 0
		for second := range uint32(50) {
			all := refusalsOfASecond(second*2000, 2000, test.addresses)
			records += len(all)
			messages = append(messages, b.give(all...)...)
			messages = append(messages, b.pass(time.Second)...)
		}
		messages = append(messages, b.pass(time.Hour)...)
		want(t, messages, "pg: refused 198.18.0.0:4444: the reason", test.repeat)
		if a := b.last(); a.Count != 100_000 || !a.Repeat || len(a.Sample) > 8 || records > 50*21 {
			t.Errorf("of %d records the last alert is %+v", records, a)
		}
	}
}

// Everything that can grow is at its bound; what it all takes is small.
func TestMemoryIsBounded(t *testing.T) {
	before := heap()
	b := newBell(t)
	b.begin(conditions(
		alert.Condition{Name: "a", When: `event == "session.refused"`, Window: "count() > 3 in 1m by client.address, service"},
		alert.Condition{Name: "b", When: `event == "session.refused"`, Window: "distinct(client.address) > 1000 in 1m by service"},
	))
	for i := range uint32(50_000) {
		b.give(refused(fmt.Sprint("service", i%2000), flow.ZonePublic, flow.CauseNonLocal, addr(i)))
		b.rang, b.taken = nil, 0
	}
	if used := heap() - before; used > 20<<20 {
		t.Errorf("50,000 refusals of 2,000 services take %d MiB", used>>20)
	}
	if n := len(b.a.Active()); n > 257 {
		t.Errorf("%d groups are active", n)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What may be called from any goroutine is, while records come and the log calls back.
func TestAnyGoroutine(t *testing.T) {
	var a *alert.Alerts
	a, err := alert.New(alert.Config{
		Dir: t.TempDir(), Append: func(flow.Record) { a.Trouble(fmt.Errorf("no room")); a.Active() },
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &bell{t: t, a: a, now: time.Now()}
	var others sync.WaitGroup
	for _, call := range []func(){
		func() { a.Test() }, a.Mended, func() { _ = a.Reload(alert.Settings{Threshold: 2}) },
		func() { a.Active(); a.Programs(); a.Learning() },
		func() {
			s, err := a.Silence(alert.Silence{Service: "pg", Until: time.Now().Add(time.Hour), By: "ada"})
			if err == nil {
				err = a.Unsilence(s.ID)
			}
			if err != nil {
				t.Error(err)
			}
		},
	} {
		others.Go(func() {
			for range 20 {
				call()
			}
		})
	}
	for i := range uint32(200) {
		from := netip.AddrPort{}
		if i%2 == 0 {
			from = addr(i)
		}
		b.give(refused("pg", flow.ZonePublic, flow.CauseNonLocal, from))
		b.batch(flow.Batch{Tick: true})
	}
	others.Wait()
	if len(a.Active()) == 0 {
		t.Error("nothing is active")
	}
}

func TestTestAlertsAreToldEachTime(t *testing.T) {
	inBubble(t, alert.Config{Settings: alert.Settings{Threshold: 9, Wait: time.Hour}}, func(b *bell) {
		const message = "test: a person tries whether alerts arrive; nothing is wrong"
		all := alert.Silence{Condition: "*", Until: b.now.Add(time.Hour), By: "ada"}
		if _, err := b.a.Silence(all); err != nil {
			t.Fatal(err)
		}
		id := b.a.Test()
		b.a.Test()
		want(t, b.new(), message, message)
		if a := b.last(); a.ID != id || a.Condition != "test" || a.Severity != flow.SeverityInfo || a.Repeat || a.Silenced ||
			len(b.a.Active()) != 0 {
			t.Errorf("alert %+v; active %+v", a, b.a.Active())
		}
	})
}
