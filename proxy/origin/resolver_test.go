package origin

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// asker is a seeker of the tests.
type asker struct {
	mu      sync.Mutex // which it has while it asks, as a session may
	left    atomic.Bool
	urgent  bool
	answers []flow.Origin
	met     []flow.Origin
	at      time.Time
}

func (a *asker) Wanted() bool { return !a.left.Load() }

func (a *asker) Urgent() bool { return a.urgent }

func (a *asker) Met(o flow.Origin) { a.met = append(a.met, o) }

func (a *asker) Found(o flow.Origin) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers, a.at = append(a.answers, o), time.Now()
}

// seek asks for the process behind a socket and has its lock meanwhile.
func (a *asker) seek(r *Resolver, inode uint64, deadline time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r.Seek(flow.Lead{Inode: inode}, knownUID(inode), deadline, a)
}

func knownUID(inode uint64) flow.Origin {
	return flow.Origin{Attribution: flow.AttributionUIDOnly, UID: uint32(inode)}
}

func (a *asker) got() []flow.Origin {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.answers
}

// system is a searcher that takes its time and finds the sockets that it has.
type system struct {
	glanceTakes, scanTakes time.Duration
	has                    map[uint64]*flow.Process

	glances, scans, sought atomic.Int64
	busied                 atomic.Int64 // nanoseconds
}

func (s *system) glance(_ context.Context, _ *party) {
	s.glances.Add(1)
	s.work(s.glanceTakes, nil)
}

func (s *system) scan(_ context.Context, p *party) bool {
	s.scans.Add(1)
	s.work(s.scanTakes, p)
	if !p.waits() {
		return false
	}
	for i := range p.seeks {
		k := &p.seeks[i]
		if k.over {
			continue
		}
		s.sought.Add(1)
		if process := s.has[k.lead.Inode]; process != nil {
			k.answer(flow.Origin{Attribution: flow.AttributionLiveSocket, PID: process.PID, Process: process})
		}
	}
	return true
}

func (s *system) busy() time.Duration { return time.Duration(s.busied.Load()) }

// work passes time, and asks in between as a search does whether anybody waits.
func (s *system) work(d time.Duration, p *party) {
	for step := d / 10; d > 0; d -= step {
		<-time.After(step)
		s.busied.Add(int64(step))
		if p != nil && !p.waits() {
			return
		}
	}
}

// inBubble runs a test whose time is not real with a running resolver.
func inBubble(t *testing.T, s *system, test func(t *testing.T, r *Resolver)) {
	synctest.Test(t, func(t *testing.T) {
		r := newResolver(s, time.Now, s.busy)
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() {
			if err := r.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		test(t, r)
		cancel()
		running.Wait()
	})
}

func passed(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestSeekFinds(t *testing.T) {
	p := &flow.Process{PID: 7}
	s := &system{has: map[uint64]*flow.Process{5: p}, scanTakes: 10 * time.Millisecond}
	inBubble(t, s, func(t *testing.T, r *Resolver) {
		found, unknown, leadless := asker{urgent: true}, asker{urgent: true}, asker{urgent: true}
		began := time.Now()
		found.seek(r, 5, began.Add(time.Second))
		unknown.seek(r, 6, began.Add(time.Second))
		leadless.seek(r, 0, began.Add(time.Second))
		passed(50 * time.Millisecond)
		if got := found.got(); len(got) != 1 || got[0].Process != p {
			t.Errorf("%+v", got)
		}
		if got := unknown.got(); len(got) != 1 || got[0].UID != 6 || got[0].Process != nil {
			t.Errorf("a socket that nobody holds: %+v", got)
		}
		if got := leadless.got(); len(got) != 1 || got[0].Attribution != flow.AttributionUIDOnly {
			t.Errorf("nothing to go by: %+v", got)
		}
		if took := found.at.Sub(began); took != s.scanTakes {
			t.Errorf("who comes alone waits %v for a scan of %v", took, s.scanTakes)
		}
	})
}

func TestSeekersShareAScan(t *testing.T) {
	s := &system{scanTakes: 10 * time.Millisecond}
	inBubble(t, s, func(t *testing.T, r *Resolver) {
		end := time.Now().Add(time.Second)
		askers := make([]asker, 200)
		askers[0].urgent = true
		askers[0].seek(r, 1, end)
		synctest.Wait()
		for i := range askers[1:] { // during the scan
			askers[i+1].seek(r, uint64(i+2), end)
		}
		passed(100 * time.Millisecond)
		if s.scans.Load() != 2 || s.sought.Load() != int64(len(askers)) {
			t.Errorf("%d scans for %d seekers", s.scans.Load(), s.sought.Load())
		}
		for i := range askers {
			if got := askers[i].got(); len(got) != 1 {
				t.Fatalf("seeker %d has %d answers", i, len(got))
			}
		}
	})
}

func TestSeekersWhoLeaveCostNoScan(t *testing.T) {
	s := &system{scanTakes: 10 * time.Millisecond}
	inBubble(t, s, func(t *testing.T, r *Resolver) {
		end := time.Now().Add(time.Second)
		for i := range 100 {
			a := asker{urgent: true}
			a.left.Store(true)
			a.seek(r, uint64(i+1), end)
			synctest.Wait()
			if len(a.got()) > 0 {
				t.Error("an answer for nobody")
			}
		}
		passed(100 * time.Millisecond)
		if s.scans.Load()+s.glances.Load() != 0 {
			t.Errorf("%d scans and %d glances for nobody", s.scans.Load(), s.glances.Load())
		}
		a := asker{urgent: true}
		a.seek(r, 1, end)
		passed(3 * time.Millisecond)
		a.left.Store(true)
		passed(100 * time.Millisecond)
		if s.busy() > 5*time.Millisecond || len(a.got()) > 0 {
			t.Errorf("the scan went on for %v after the only seeker had left after 3 ms; %+v", s.busy(), a.got())
		}
	})
}

// At the deadline comes what is known, also in the middle of a scan, and while there is no budget for one.
func TestSeekKeepsItsDeadline(t *testing.T) {
	s := &system{scanTakes: time.Second}
	inBubble(t, s, func(t *testing.T, r *Resolver) {
		for _, wait := range []time.Duration{200 * time.Millisecond, 50 * time.Millisecond, time.Millisecond, -time.Second} {
			a := asker{urgent: true}
			end := time.Now().Add(wait)
			a.seek(r, 9, end)
			passed(300 * time.Millisecond)
			// A scan asks as often as it is in the middle of something long.
			if got := a.got(); len(got) != 1 || got[0].UID != 9 || a.at.After(end.Add(s.scanTakes/10)) && wait > 0 {
				t.Errorf("deadline after %v: %+v, %v late", wait, got, a.at.Sub(end))
			}
		}
		if s.scans.Load() != 1 {
			t.Errorf("%d scans: the budget was for one", s.scans.Load())
		}
	})
}

// In a storm of connections the searches take a tenth of a processor, and what was there at first.
func TestStormKeepsTheBudget(t *testing.T) {
	s := &system{scanTakes: 25 * time.Millisecond, glanceTakes: 200 * time.Microsecond}
	inBubble(t, s, func(t *testing.T, r *Resolver) {
		const storm = 10 * time.Second
		began := time.Now()
		var askers []*asker
		for time.Since(began) < storm {
			a := &asker{}
			a.seek(r, 1, time.Now().Add(5*time.Second))
			askers = append(askers, a)
			<-time.After(time.Millisecond)
		}
		if most := storm/share + burst + s.scanTakes + burst; s.busy() > most || s.busy() < storm/share/2 {
			t.Errorf("busy for %v of %v; at most %v", s.busy(), storm, most)
		}
		if least := int64(storm / share / 4 / s.scanTakes); s.scans.Load() < least {
			t.Errorf("%d scans, fewer than %d: those who stay are not found", s.scans.Load(), least)
		}
		t.Logf("%d seekers, %d scans, %d glances, busy for %v of %v", len(askers), s.scans.Load(), s.glances.Load(), s.busy(), storm)
		passed(6 * time.Second)
		for i, a := range askers {
			if len(a.got()) != 1 {
				t.Fatalf("seeker %d has %d answers", i, len(a.got()))
			}
		}
	})
}

// Who comes soon after another is looked for without waking anybody; who is kept waiting is looked for at once, however
// long that may take.
func TestSeekersThatFollowEachOther(t *testing.T) {
	p := &flow.Process{PID: 7}
	s := &system{has: map[uint64]*flow.Process{5: p}, scanTakes: time.Millisecond}
	inBubble(t, s, func(t *testing.T, r *Resolver) {
		for _, tc := range []struct {
			wait, most time.Duration
			urgent     bool
		}{
			{5 * time.Second, doze + lull + s.scanTakes, false},
			{200 * time.Millisecond, doze + lull + s.scanTakes, false},
			{200 * time.Millisecond, s.scanTakes, true},
			{10 * time.Second, s.scanTakes, true},
		} {
			passed(20 * time.Millisecond)
			a := asker{urgent: tc.urgent}
			began := time.Now()
			a.seek(r, 5, began.Add(tc.wait))
			passed(50 * time.Millisecond)
			if got := a.got(); len(got) != 1 || got[0].Process != p || a.at.Sub(began) > tc.most {
				t.Errorf("%+v: %+v after %v", tc, got, a.at.Sub(began))
			}
		}
	})
}

// Scans that are broken off since nobody stays are paid for several times over.
func TestAStormThatNobodyStaysInCostsLess(t *testing.T) {
	s := &system{scanTakes: 25 * time.Millisecond}
	inBubble(t, s, func(t *testing.T, r *Resolver) {
		const storm = 10 * time.Second
		for began := time.Now(); time.Since(began) < storm; {
			a := &asker{}
			a.seek(r, 1, time.Now().Add(5*time.Second))
			<-time.After(4 * time.Millisecond)
			a.left.Store(true)
		}
		if most := storm/share/vain + 2*burst; s.busy() > most || s.scans.Load() == 0 {
			t.Errorf("busy for %v with %d scans; at most %v", s.busy(), s.scans.Load(), most)
		}
	})
}

// While the log asks for more than the budget has, who is kept waiting is answered soon, however long it would wait.
func TestUrgentSeekersAreServedInAStorm(t *testing.T) {
	p := &flow.Process{PID: 7}
	s := &system{has: map[uint64]*flow.Process{5: p}, scanTakes: 40 * time.Millisecond, glanceTakes: 200 * time.Microsecond}
	inBubble(t, s, func(t *testing.T, r *Resolver) {
		const soon = 250 * time.Millisecond
		urgent, began := make([]asker, 8), make([]time.Time, 8)
		for i := range urgent {
			for range 1000 {
				(&asker{}).seek(r, 1, time.Now().Add(5*time.Second))
				<-time.After(time.Millisecond)
			}
			urgent[i].urgent = true
			began[i] = time.Now()
			urgent[i].seek(r, 5, began[i].Add([]time.Duration{soon, 10 * time.Second}[i%2]))
		}
		passed(soon)
		for i := range urgent {
			got, after := urgent[i].got(), urgent[i].at.Sub(began[i])
			if len(got) != 1 || got[0].Process != p || after > soon {
				t.Errorf("urgent seeker %d: %+v after %v", i, got, after)
			}
		}
		if most := 9*time.Second/share + 3*burst + s.scanTakes; s.busy() > most {
			t.Errorf("busy for %v; at most %v", s.busy(), most)
		}
	})
}

func TestSeekersBeyondTheQueueAreAnswered(t *testing.T) {
	s := &system{scanTakes: time.Millisecond}
	synctest.Test(t, func(t *testing.T) {
		r := newResolver(s, time.Now, s.busy) // that does not run yet
		askers := make([]asker, queueMax+10)
		for i := range askers {
			askers[i].seek(r, uint64(i+1), time.Now().Add(time.Hour))
		}
		synctest.Wait()
		for i := range askers {
			if got := askers[i].got(); (len(got) == 1) != (i >= queueMax) {
				t.Fatalf("seeker %d of %d has %d answers", i, len(askers), len(got))
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := r.Run(ctx); err != nil { // ends at once, and answers
			t.Error(err)
		}
		var late asker
		late.seek(r, 1, time.Now().Add(time.Hour))
		synctest.Wait()
		for i := range askers {
			if got := askers[i].got(); len(got) != 1 || got[0].UID != uint32(i+1) {
				t.Fatalf("seeker %d: %+v", i, got)
			}
		}
		if len(late.got()) != 1 {
			t.Error("nobody answers after the end")
		}
	})
}

func TestForemost(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	process := func(pid int, started int64, parents ...int) *holder {
		p := &flow.Process{PID: pid, Started: at(started)}
		for _, a := range parents {
			p.Parents = append(p.Parents, flow.Ancestor{PID: a})
		}
		return &holder{process: p}
	}
	for _, tc := range []struct {
		name    string
		holders []*holder
		want    int
	}{
		{"alone", []*holder{process(9, 5, 1)}, 9},
		{"parent and child", []*holder{process(12, 6, 10, 1), process(10, 5, 1)}, 10},
		{"grandchildren", []*holder{process(13, 7, 11, 10, 1), process(12, 6, 10, 1), process(10, 5, 1)}, 10},
		{"strangers", []*holder{process(3, 9, 1), process(10, 5, 1)}, 10},
		{"strangers of one moment", []*holder{process(30, 5, 1), process(10, 5, 1)}, 10},
		{"a child that is older, as clocks go", []*holder{process(12, 4, 10), process(10, 5)}, 10},
	} {
		if got := foremost(tc.holders); got.PID != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got.PID, tc.want)
		}
	}
}

// BenchmarkSeek is what a session pays, in a storm that is emptied now and then by sessions that have ended.
func BenchmarkSeek(b *testing.B) {
	r := newResolver(&system{}, time.Now, threadTime)
	a := &asker{}
	a.left.Store(true)
	lead := flow.Lead{
		Local: netip.MustParseAddrPort("127.0.0.1:40000"), Remote: netip.MustParseAddrPort("127.0.0.1:5432"), Inode: 1,
	}
	deadline := time.Now().Add(time.Hour)
	b.ReportAllocs()
	for n := 1; b.Loop(); n++ {
		r.Seek(lead, flow.Origin{}, deadline, a)
		if n%256 == 0 {
			r.turn(b.Context())
		}
	}
}
