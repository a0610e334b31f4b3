package pcapng_test

import (
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/policy"
	"github.com/lodoor/lodoor/proxy/flow"
)

// converse has sessions of a service come and go until it is over, and counts the bytes that were told and what their
// taps made of them.
func (r *rig) converse(service string, sessions *atomic.Int64, over <-chan struct{}) (told, sum uint64) {
	const most = 9000
	data := pattern(0, most) // the same again: to make them takes long with the race detector
	random := rand.New(rand.NewPCG(1, uint64(len(service))))
	for {
		select {
		case <-over:
			return told, sum
		default:
		}
		o := opening(service, netipPort(int(sessions.Add(1))%20_000), front4)
		tap := r.Tap(o)
		if tap == nil {
			continue
		}
		if random.IntN(4) > 0 {
			tap.Connected(o.Time, o.Peer.Addr, o.Peer.Front)
		}
		before := told
		for range random.IntN(8) {
			d := flow.Direction(random.IntN(2))
			n := uint64(random.IntN(most))
			tap.Data(d, time.Now(), data[:n])
			if told += n; random.IntN(8) > 0 {
				tap.Written(d, time.Now(), n)
			}
		}
		end := fin()
		if random.IntN(3) == 0 {
			end.End, end.EndedBy = flow.EndKilled, flow.SideLodoor
		}
		kept, skipped := tap.Done(time.Now(), end)
		if sum += kept + skipped; kept+skipped != told-before {
			r.t.Errorf("kept %d, skipped %d of %d", kept, skipped, told-before)
		}
	}
}

// All that can be asked of a recorder is asked while sessions come and go: it fails at nothing, every byte told is in one
// of the sums, and nothing stays behind.
func TestAllAtOnce(t *testing.T) {
	s := pcapng.Settings{RotateSize: 64 << 10, Redact: flow.Redaction{Authentication: true}}
	r := newRig(t, pcapng.Config{Settings: s, Memory: 1 << 20})
	s.Dir = r.dir
	ringing := s
	ringing.Ring, ringing.RingMemory = time.Second, flow.MiB
	over := make(chan struct{})
	var talking sync.WaitGroup
	var sessions atomic.Int64
	for _, service := range []string{"db", "bulk", "chat"} {
		talking.Go(func() {
			if told, sum := r.converse(service, &sessions, over); told != sum || told == 0 {
				t.Errorf("%s: %d bytes were told, %d are in the sums", service, told, sum)
			}
		})
	}
	const rounds = 12
	for i := range rounds {
		plan := s
		if i%2 > 0 {
			plan = ringing
		}
		var all []policy.Standing
		for _, service := range services()[:1+i%3] {
			all = append(all, policy.Standing{Service: service, Plan: plan.Plan()})
		}
		if err := r.Configure(plan, all); err != nil {
			t.Error(err)
		}
		for _, service := range []string{"db", "chat"} {
			if _, err := r.Start(policy.Request{Service: service}); err != nil {
				t.Error(err)
			}
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Duration(i%5)*time.Millisecond)
		if err := r.Follow(ctx, "bulk", io.Discard); err != nil {
			t.Error(err)
		}
		stop()
		_, _ = r.Flush("", "test") // there may be no ring
		for _, service := range []string{"db", "chat"} {
			if _, err := r.Stop(service); err != nil {
				t.Error(err)
			}
		}
	}
	close(over)
	talking.Wait()
	r.untroubled()
	r.end()
	if got := r.Stats(); got.Waiting != 0 || got.Used != sizeOf(t, r.dir) || got.Sessions < rounds {
		t.Errorf("%d bytes are on the disk; stats: %+v", sizeOf(t, r.dir), got)
	}
}
