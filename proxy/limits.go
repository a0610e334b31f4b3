package proxy

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/lodoor/lodoor/proxy/flow"
)

// maxIdleSeats is how many addresses without an open session are remembered, in each of two generations.
const maxIdleSeats = 5000

// limiter counts the sessions of one service. It is a step of its own after the rules, since it has a memory.
type limiter struct {
	mu     sync.Mutex
	limits Limits
	open   int
	rate   *rate.Limiter // nil is no limit
	// Addresses are kept in two generations. One that is seen moves to the young; when many came since the last time,
	// the old are forgotten, but for those with open sessions, and the young become old. So a flood of addresses takes
	// bounded memory, and an address whose bucket may still be empty is the last to be forgotten.
	young, old map[netip.Addr]*seat
	fresh      int // how many came into young since it was made
}

// seat is what is counted of one address. Unix-socket peers share the seat of the zero address.
type seat struct {
	open    int
	rate    *rate.Limiter // nil until it is needed
	release func()        // made once, so that a known address costs no memory
}

func newLimiter(l Limits) *limiter {
	return &limiter{limits: l, rate: newBucket(l.Rate, l.Burst), young: map[netip.Addr]*seat{}}
}

// set changes the limits. Open sessions stay counted, and are not ended when there are now too many.
func (l *limiter) set(to Limits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if to.Rate != l.limits.Rate || to.Burst != l.limits.Burst {
		l.rate = newBucket(to.Rate, to.Burst)
	}
	if to.RatePerAddress != l.limits.RatePerAddress || to.BurstPerAddress != l.limits.BurstPerAddress {
		for _, generation := range []map[netip.Addr]*seat{l.young, l.old} {
			for _, s := range generation {
				s.rate = nil
			}
		}
	}
	l.limits = to
}

// admit counts a session in, or denies it and says why. release counts it out; it is called once, and is nil when the
// session was denied.
func (l *limiter) admit(addr netip.Addr, now time.Time) (release func(), v flow.Verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.seat(addr)
	if v := l.check(s, addr, now); v.Action == flow.Deny {
		return nil, v
	}
	l.open++
	s.open++
	return s.release, flow.Verdict{Action: flow.Allow}
}

// check asks the limits, those of the address first, so that one that knocks too often takes nothing from the others.
func (l *limiter) check(s *seat, addr netip.Addr, now time.Time) flow.Verdict {
	c := &l.limits
	if c.RatePerAddress > 0 && s.rate == nil {
		s.rate = newBucket(c.RatePerAddress, c.BurstPerAddress)
	}
	switch {
	case c.MaxOpen > 0 && l.open >= c.MaxOpen:
		return limited("max_open", fmt.Sprintf("%s; max_open is %d", openNow(l.open), c.MaxOpen))
	case c.MaxOpenPerAddress > 0 && s.open >= c.MaxOpenPerAddress:
		return limited("max_open_per_address",
			fmt.Sprintf("%s from %s; max_open_per_address is %d", openNow(s.open), from(addr), c.MaxOpenPerAddress))
	case s.rate != nil && !s.rate.AllowN(now, 1):
		return limited("rate_per_address", fmt.Sprintf("sessions from %s begin faster than %s; rate_per_address is %s",
			from(addr), pace(s.rate), number(c.RatePerAddress)))
	case l.rate != nil && !l.rate.AllowN(now, 1):
		return limited("rate", fmt.Sprintf("sessions begin faster than %s; rate is %s", pace(l.rate), number(c.Rate)))
	}
	return flow.Verdict{Action: flow.Allow}
}

// seat finds or makes the seat of an address.
func (l *limiter) seat(addr netip.Addr) *seat {
	addr = addr.Unmap().WithZone("")
	if s := l.young[addr]; s != nil {
		return s
	}
	s := l.old[addr]
	if s == nil {
		s = &seat{}
		s.release = func() { l.leave(s) }
	}
	if l.fresh >= maxIdleSeats {
		l.turn()
	}
	delete(l.old, addr)
	l.young[addr] = s
	l.fresh++
	return s
}

// turn makes the young old, and forgets the old without open sessions.
func (l *limiter) turn() {
	young := make(map[netip.Addr]*seat)
	for addr, s := range l.old {
		if s.open > 0 {
			young[addr] = s
		}
	}
	l.old, l.young, l.fresh = l.young, young, 0
}

func (l *limiter) leave(s *seat) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	s.open--
}

// newBucket makes the bucket of a rate; nil when there is no limit. A burst that was not given is a second's worth.
func newBucket(perSecond float64, burst int) *rate.Limiter {
	if perSecond <= 0 {
		return nil
	}
	if burst == 0 {
		burst = int(math.Ceil(min(perSecond, math.MaxInt32)))
	}
	return rate.NewLimiter(rate.Limit(perSecond), burst)
}

func limited(key, reason string) flow.Verdict {
	return flow.Verdict{Rule: "limit." + key, Cause: flow.CauseLimit, Reason: reason}
}

func openNow(n int) string {
	if n == 1 {
		return "1 session is open"
	}
	return fmt.Sprintf("%d sessions are open", n)
}

func from(addr netip.Addr) string {
	if !addr.IsValid() {
		return "the Unix socket"
	}
	return addr.Unmap().WithZone("").String()
}

func pace(r *rate.Limiter) string {
	return fmt.Sprintf("%s a second with bursts of %d", number(float64(r.Limit())), r.Burst())
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// Validate returns an error for each limit that cannot be obeyed; each starts with the key.
func (l Limits) Validate() error {
	return errors.Join(
		notNegative("max_open", l.MaxOpen),
		notNegative("max_open_per_address", l.MaxOpenPerAddress),
		validRate("rate", l.Rate),
		validBurst("burst", l.Burst, "rate", l.Rate),
		validRate("rate_per_address", l.RatePerAddress),
		validBurst("burst_per_address", l.BurstPerAddress, "rate_per_address", l.RatePerAddress),
	)
}

func notNegative(key string, n int) error {
	if n < 0 {
		return fmt.Errorf("%s: %d: expected a number of sessions, or 0 for no limit", key, n)
	}
	return nil
}

func validRate(key string, f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) || f < 0 {
		return fmt.Errorf("%s: %s: expected a number of sessions a second, or 0 for no limit", key, number(f))
	}
	return nil
}

func validBurst(key string, n int, rateKey string, perSecond float64) error {
	switch {
	case n != 0 && perSecond == 0:
		return fmt.Errorf("%s: %d: needs %s, which is not set", key, n, rateKey)
	case n < 0:
		return fmt.Errorf("%s: %d: expected a number of sessions, or 0 for as many as begin in a second", key, n)
	}
	return nil
}

// Validate returns an error for each timeout that cannot be obeyed; each starts with the key.
func (t Timeouts) Validate() error {
	return errors.Join(
		validTimeout("dial", t.Dial),
		validTimeout("dial_retry", t.DialRetry),
		validTimeout("idle", t.Idle),
		validTimeout("first_byte", t.FirstByte),
		validTimeout("user", t.User),
	)
}

func validTimeout(key string, d time.Duration) error {
	switch {
	case d < 0:
		return fmt.Errorf("%s: %v: expected a time such as 30s, or 0 for the default", key, d)
	case d > 0 && d < time.Millisecond:
		return fmt.Errorf("%s: %v: shorter than a millisecond; times are written with a unit, as in 30s", key, d)
	}
	return nil
}
