package proxy

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/proxy/flow"
)

// limitStep is one thing that happens to a limiter.
type limitStep struct {
	at     time.Duration // since the start
	from   string        // an address asks; empty is a Unix-socket peer
	leave  int           // instead: the session that step leave (from 1) let in ends
	set    *Limits       // instead: the limits change
	denied string        // the rule; empty is let in
	reason string
}

func TestLimiter(t *testing.T) {
	const a, b = "192.0.2.1", "192.0.2.2"
	s := time.Second
	for _, c := range []struct {
		name   string
		limits Limits
		steps  []limitStep
	}{
		{"none", Limits{}, []limitStep{{from: a}, {from: a}, {from: b}, {}}},
		{"max_open", Limits{MaxOpen: 2}, []limitStep{
			{from: a}, {from: b},
			{from: b, denied: "limit.max_open", reason: "2 sessions are open; max_open is 2"},
			{leave: 1}, {from: b}, {from: a, denied: "limit.max_open"},
		}},
		{"max_open_per_address", Limits{MaxOpenPerAddress: 1}, []limitStep{
			{from: a}, {from: b},
			{from: a, denied: "limit.max_open_per_address", reason: "1 session is open from 192.0.2.1; max_open_per_address is 1"},
			{leave: 1}, {from: a}, {from: a, denied: "limit.max_open_per_address"},
		}},
		{"an address is the same when mapped", Limits{MaxOpenPerAddress: 1}, []limitStep{
			{from: a}, {from: "::ffff:192.0.2.1", denied: "limit.max_open_per_address"},
		}},
		{"Unix peers are one address", Limits{MaxOpenPerAddress: 1}, []limitStep{
			{}, {denied: "limit.max_open_per_address", reason: "1 session is open from the Unix socket; max_open_per_address is 1"}, {from: a},
		}},
		{"rate", Limits{Rate: 2, Burst: 1}, []limitStep{
			{from: a}, {from: b, denied: "limit.rate", reason: "sessions begin faster than 2 a second with bursts of 1; rate is 2"},
			{at: s / 2, from: b}, {at: s / 2, from: b, denied: "limit.rate"},
		}},
		{"rate without burst is a second's worth", Limits{Rate: 1.5}, []limitStep{
			{from: a}, {from: a}, {from: a, denied: "limit.rate", reason: "sessions begin faster than 1.5 a second with bursts of 2; rate is 1.5"},
		}},
		{"rate_per_address", Limits{RatePerAddress: 1, BurstPerAddress: 2}, []limitStep{
			{from: a}, {from: a},
			{from: a, denied: "limit.rate_per_address",
				reason: "sessions from 192.0.2.1 begin faster than 1 a second with bursts of 2; rate_per_address is 1"},
			{from: b}, {at: s, from: a}, {at: s, from: a, denied: "limit.rate_per_address"},
		}},
		{"one address does not use up the rate of all", Limits{Rate: 2, Burst: 2, RatePerAddress: 1, BurstPerAddress: 1}, []limitStep{
			{from: a}, {from: a, denied: "limit.rate_per_address"}, {from: a, denied: "limit.rate_per_address"}, {from: b},
		}},
		{"a denied session counts nowhere", Limits{MaxOpen: 2, MaxOpenPerAddress: 1}, []limitStep{
			{from: a}, {from: a, denied: "limit.max_open_per_address"}, {from: a, denied: "limit.max_open_per_address"}, {from: b},
		}},
		{"set: sessions stay counted", Limits{}, []limitStep{
			{from: a}, {from: a}, {set: &Limits{MaxOpen: 3, MaxOpenPerAddress: 2}},
			{from: a, denied: "limit.max_open_per_address", reason: "2 sessions are open from 192.0.2.1; max_open_per_address is 2"},
			{from: b}, {from: b, denied: "limit.max_open"}, {leave: 1}, {from: a},
		}},
		{"set: below what is open", Limits{}, []limitStep{
			{from: a}, {from: a}, {set: &Limits{MaxOpen: 1}}, {from: a, denied: "limit.max_open", reason: "2 sessions are open; max_open is 1"},
			{leave: 1}, {from: a, denied: "limit.max_open"}, {leave: 2}, {from: a},
		}},
		{"set: other limits do not fill the buckets", Limits{Rate: 1, Burst: 1, RatePerAddress: 1, BurstPerAddress: 1}, []limitStep{
			{from: a}, {set: &Limits{Rate: 1, Burst: 1, RatePerAddress: 1, BurstPerAddress: 1, MaxOpen: 9}},
			{from: a, denied: "limit.rate_per_address"}, {from: b, denied: "limit.rate"},
		}},
		{"set: a rate that changes", Limits{Rate: 1, Burst: 1, RatePerAddress: 1, BurstPerAddress: 1}, []limitStep{
			{from: a}, {set: &Limits{Rate: 3, Burst: 3, RatePerAddress: 2, BurstPerAddress: 2}},
			{from: a}, {from: a}, {from: a, denied: "limit.rate_per_address"}, {from: b}, {from: b, denied: "limit.rate"},
		}},
		{"set: no rate any more", Limits{Rate: 1, Burst: 1, RatePerAddress: 1, BurstPerAddress: 1}, []limitStep{
			{from: a}, {set: &Limits{}}, {from: a}, {from: a},
		}},
	} {
		t.Run(c.name, func(t *testing.T) { runLimits(t, newLimiter(c.limits), c.steps) })
	}
}

func runLimits(t *testing.T, l *limiter, steps []limitStep) {
	t.Helper()
	start := time.Date(2026, 3, 2, 14, 30, 0, 0, time.UTC)
	releases := make([]func(), len(steps)+1)
	for i, s := range steps {
		switch {
		case s.set != nil:
			l.set(*s.set)
			continue
		case s.leave > 0:
			releases[s.leave]()
			continue
		}
		var addr netip.Addr
		if s.from != "" {
			addr = netip.MustParseAddr(s.from)
		}
		release, v := l.admit(addr, start.Add(s.at))
		releases[i+1] = release
		want := flow.Verdict{Action: flow.Allow}
		if s.denied != "" {
			want = flow.Verdict{Rule: s.denied, Cause: flow.CauseLimit, Reason: s.reason}
			if s.reason == "" {
				want.Reason = v.Reason
			}
		}
		if diff := cmp.Diff(want, v); diff != "" || (release == nil) != (s.denied != "") {
			t.Errorf("step %d (-want +got): %s", i+1, diff)
		}
	}
}

// A flood of addresses takes bounded memory, and does not make the limiter forget open sessions.
func TestLimiterFlood(t *testing.T) {
	l := newLimiter(Limits{MaxOpenPerAddress: 1, RatePerAddress: 1})
	now := time.Now()
	held := netip.MustParseAddr("2001:db8:1::1")
	release, v := l.admit(held, now)
	if v.Action != flow.Allow {
		t.Fatal(v)
	}
	most := 0
	for i := range 10 * maxIdleSeats {
		addr := netip.AddrFrom16([16]byte{0x20, 1, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)})
		leave, v := l.admit(addr, now)
		if v.Action != flow.Allow {
			t.Fatal(v)
		}
		leave()
		most = max(most, len(l.young)+len(l.old))
	}
	if most > 2*maxIdleSeats+2 {
		t.Errorf("%d addresses were kept", most)
	}
	if _, v := l.admit(held, now); v.Rule != "limit.max_open_per_address" {
		t.Errorf("an open session was forgotten: %+v", v)
	}
	release()
	if l.open != 0 {
		t.Errorf("%d sessions are counted as open", l.open)
	}
}

// An address that asks again and again is not forgotten, however many others come.
func TestLimiterFloodKeepsBuckets(t *testing.T) {
	l := newLimiter(Limits{RatePerAddress: 0.001, BurstPerAddress: 1})
	now := time.Now()
	loud := netip.MustParseAddr("192.0.2.1")
	if _, v := l.admit(loud, now); v.Action != flow.Allow {
		t.Fatal(v)
	}
	for i := range 4 * maxIdleSeats {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if leave, v := l.admit(addr, now); v.Action == flow.Allow {
			leave()
		}
		if i%1000 != 0 {
			continue
		}
		if _, v := l.admit(loud, now); v.Rule != "limit.rate_per_address" {
			t.Fatalf("after %d others: %+v", i, v)
		}
	}
}

func TestLimiterAtOnce(t *testing.T) {
	l := newLimiter(Limits{MaxOpen: 10, MaxOpenPerAddress: 3})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 4)})
			for range 500 {
				if release, v := l.admit(addr, time.Now()); v.Action == flow.Allow {
					release()
				}
				l.set(Limits{MaxOpen: 10 + i, MaxOpenPerAddress: 3, RatePerAddress: float64(1000 + i)})
			}
		})
	}
	wg.Wait()
	if l.open != 0 {
		t.Errorf("%d sessions are counted as open", l.open)
	}
	for _, s := range l.young {
		if s.open != 0 {
			t.Errorf("%d sessions are counted as open from one address", s.open)
		}
	}
}

func TestLimiterAllocatesNothing(t *testing.T) {
	for _, limits := range []Limits{{}, {MaxOpen: 5, MaxOpenPerAddress: 5, Rate: 1e9, RatePerAddress: 1e9}} {
		l := newLimiter(limits)
		addr, now := netip.MustParseAddr("127.0.0.1"), time.Now()
		if n := testing.AllocsPerRun(1000, func() {
			release, v := l.admit(addr, now)
			if v.Action != flow.Allow {
				t.Error(v)
				return
			}
			release()
		}); n != 0 {
			t.Errorf("%+v: %v allocations", limits, n)
		}
	}
}

func TestLimitsValidate(t *testing.T) {
	for _, c := range []struct {
		limits Limits
		want   string
	}{
		{Limits{}, ""},
		{Limits{MaxOpen: 1, MaxOpenPerAddress: 1, Rate: 0.1, Burst: 1, RatePerAddress: 1e9}, ""},
		{Limits{MaxOpen: -1}, "max_open: -1: expected a number of sessions, or 0 for no limit"},
		{Limits{MaxOpenPerAddress: -2}, "max_open_per_address: -2: expected a number of sessions, or 0 for no limit"},
		{Limits{Rate: -1}, "rate: -1: expected a number of sessions a second, or 0 for no limit"},
		{Limits{Rate: math.NaN()}, "rate: NaN: expected a number of sessions a second, or 0 for no limit"},
		{Limits{RatePerAddress: math.Inf(1)}, "rate_per_address: +Inf: expected a number of sessions a second, or 0 for no limit"},
		{Limits{Burst: 5}, "burst: 5: needs rate, which is not set"},
		{Limits{Rate: 1, BurstPerAddress: 5}, "burst_per_address: 5: needs rate_per_address, which is not set"},
		{Limits{Rate: 1, Burst: -5}, "burst: -5: expected a number of sessions, or 0 for as many as begin in a second"},
		{Limits{MaxOpen: -1, Burst: 5}, "max_open: -1: expected a number of sessions, or 0 for no limit\nburst: 5: needs rate, which is not set"},
	} {
		if got := fmt.Sprint(c.limits.Validate()); got != strings.TrimSpace(c.want) && (c.want != "" || got != "<nil>") {
			t.Errorf("%+v\n got %s\nwant %s", c.limits, got, c.want)
		}
	}
}

func TestTimeoutsValidate(t *testing.T) {
	for _, c := range []struct {
		timeouts Timeouts
		want     string
	}{
		{Timeouts{}, "<nil>"},
		{Timeouts{Dial: time.Second, DialRetry: time.Minute, Idle: time.Hour, FirstByte: time.Second, User: time.Millisecond}, "<nil>"},
		{Timeouts{Dial: -time.Second, User: 30}, "dial: -1s: expected a time such as 30s, or 0 for the default\n" +
			"user: 30ns: shorter than a millisecond; times are written with a unit, as in 30s"},
		{Timeouts{DialRetry: -1, Idle: -1, FirstByte: -1}, "dial_retry: -1ns: expected a time such as 30s, or 0 for the default\n" +
			"idle: -1ns: expected a time such as 30s, or 0 for the default\n" +
			"first_byte: -1ns: expected a time such as 30s, or 0 for the default"},
	} {
		if got := fmt.Sprint(c.timeouts.Validate()); got != c.want {
			t.Errorf("%+v\n got %s\nwant %s", c.timeouts, got, c.want)
		}
	}
}

func BenchmarkLimiter(b *testing.B) {
	for name, limits := range map[string]Limits{"none": {}, "all": {MaxOpen: 1e6, MaxOpenPerAddress: 1e6, Rate: 1e12, RatePerAddress: 1e12}} {
		b.Run(name, func(b *testing.B) {
			l := newLimiter(limits)
			addr := netip.MustParseAddr("127.0.0.1")
			now := time.Now()
			b.ReportAllocs()
			for b.Loop() {
				if release, v := l.admit(addr, now); v.Action == flow.Allow {
					release()
				}
			}
		})
	}
}
