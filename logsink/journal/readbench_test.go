package journal

import (
	"context"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// manyRecords makes a journal of about n records.
func manyRecords(b *testing.B, n int) (j *Journal, records uint64) {
	b.Helper()
	j, _ = running(b, small(b.TempDir()))
	for range n / 1000 {
		addMany(j, 1000, 64)
		mustAppend(b, j, flow.Record{Event: flow.EventConfigLoaded, Config: &flow.Config{Hash: "x"}})
	}
	return j, j.feeds.end().seq
}

// BenchmarkReadHeads passes records by: they are older than what is asked for.
func BenchmarkReadHeads(b *testing.B) {
	for _, packed := range []bool{false, true} {
		b.Run(map[bool]string{false: "plain", true: "compressed"}[packed], func(b *testing.B) {
			j, n := manyRecords(b, 100_000)
			if packed {
				if err := j.compressDue(context.Background(), time.Now().Add(2*packAge)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				r := newReader(j.Dir(), From{Since: time.Now()})
				r.from.Since = time.Time{} // or the segments are left out as a whole
				r.drain(func(e Entry, err error) bool {
					b.Error(e, err)
					return false
				})
				r.close()
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkFeed has a feed whose destination wants nothing, and one that wants all.
func BenchmarkFeed(b *testing.B) {
	for name, only := range map[string]flow.Event{"nothing": flow.EventAlert, "all": flow.EventUnknown} {
		b.Run(name, func(b *testing.B) {
			j, n := manyRecords(b, 50_000)
			b.ReportAllocs()
			for b.Loop() {
				f, err := j.Feed(FeedConfig{Destination: sieve{only}})
				if err != nil {
					b.Fatal(err)
				}
				for f.Stats().Behind > 0 {
					if err := f.step(context.Background()); err != nil {
						b.Fatal(err)
					}
				}
				j.feeds.remove(f)
				f.reader.close()
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// sieve forgets what it gets.
type sieve struct{ only flow.Event }

func (sieve) Name() string              { return "sieve" }
func (s sieve) Wants(e flow.Event) bool { return s.only == flow.EventUnknown || s.only == e }
func (sieve) Deliver(_ context.Context, entries []Entry) (int, error) {
	return len(entries), nil
}
