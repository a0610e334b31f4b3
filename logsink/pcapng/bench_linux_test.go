package pcapng_test

import (
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
	"github.com/lodoor/lodoor/proxy/flow"
)

// nowhere takes everything, and counts it.
type nowhere struct{ bytes atomic.Int64 }

func (n *nowhere) Write(b []byte) (int, error) {
	n.bytes.Add(int64(len(b)))
	return len(b), nil
}
func (*nowhere) Truncate(int64) error { return nil }
func (*nowhere) Close() error         { return nil }

func (n *nowhere) create(string) (store.Media, error) { return n, nil }

// BenchmarkData is what a tap and the writer take together for bursts that memory has room for; tap-ns is the part of
// the relay's goroutine in one call.
func BenchmarkData(b *testing.B) {
	for _, size := range []int{100, 64 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) { benchmarkData(b, size) })
	}
}

func benchmarkData(b *testing.B, size int) {
	const burst = 4 << 20
	var out nowhere
	r := newRig(b, pcapng.Config{Settings: pcapng.Settings{MaxTotal: flow.TiB}, Memory: 64 << 20, Create: out.create})
	tap := r.tap("bulk", "127.0.0.1:40000", front4)
	data := pattern(0, size)
	b.SetBytes(burst)
	b.ReportAllocs()
	packets := int64((size + 32<<10 - 1) / (32 << 10))
	var told int64
	var spent time.Duration
	for b.Loop() {
		begun := time.Now()
		for range burst / size {
			tap.Data(flow.FromClient, time.Now(), data)
			told += int64(size)
		}
		spent += time.Since(begun)
		const around, acknowledged = 32 + 40, 256 << 10 // a packet's block and headers; how much one ACK is for
		for out.bytes.Load() < 2*(told+around*(told/int64(size)*packets+told/acknowledged)) {
			runtime.Gosched()
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(spent.Nanoseconds())*float64(size)/float64(told), "tap-ns")
	if _, skipped := tap.Done(time.Now(), fin()); skipped > 0 {
		b.Fatalf("%d bytes were not kept", skipped)
	}
}

// BenchmarkDataStalled is what a tap costs when the writer has stopped and nothing can be kept any more.
func BenchmarkDataStalled(b *testing.B) {
	create, open := stalled()
	r := newRig(b, pcapng.Config{Settings: pcapng.Settings{MaxTotal: flow.TiB}, Memory: 1 << 20, Create: create})
	b.Cleanup(open)
	tap := r.tap("bulk", "127.0.0.1:40000", front4)
	data := pattern(0, 64<<10)
	b.ReportAllocs()
	for b.Loop() {
		tap.Data(flow.FromClient, time.Now(), data)
	}
}

// BenchmarkSession is what a session costs that says nothing.
func BenchmarkSession(b *testing.B) {
	var out nowhere
	r := newRig(b, pcapng.Config{Settings: pcapng.Settings{MaxTotal: flow.TiB}, Create: out.create})
	open := opening("db", "", "")
	b.ReportAllocs()
	for b.Loop() {
		if tap := r.Tap(open); tap != nil {
			tap.Done(time.Now(), fin())
		}
	}
}
