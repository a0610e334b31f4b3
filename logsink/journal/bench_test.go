package journal

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// BenchmarkAppend has writers that each wait for the answer before they append again, alternating opens and closes.
func BenchmarkAppend(b *testing.B) {
	for _, d := range []Durability{DurabilityNone, DurabilityProcess, DurabilityDisk} {
		for _, writers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/writers=%d", d, writers), func(b *testing.B) { benchmarkAppend(b, d, writers) })
		}
	}
}

func benchmarkAppend(b *testing.B, d Durability, writers int) {
	c := small(b.TempDir())
	c.Settings.Durability, c.Settings.MaxSize = d, 64*flow.MiB
	j, stop := running(b, c)
	took := make([][]time.Duration, writers)
	each := b.N/writers + 1
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for w := range writers {
		took[w] = make([]time.Duration, 0, each)
		all.Go(func() { took[w] = appendMany(b, j, took[w], each) })
	}
	all.Wait()
	b.StopTimer()
	if err := stop(); err != nil {
		b.Fatal(err)
	}
	times := slices.Concat(took...)
	slices.Sort(times)
	b.ReportMetric(float64(len(times))/b.Elapsed().Seconds(), "appends/s")
	b.ReportMetric(float64(times[len(times)/2].Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(times[len(times)*99/100].Nanoseconds()), "p99-ns")
}

func appendMany(b *testing.B, j *Journal, took []time.Duration, n int) []time.Duration {
	answers := make(chan error, 1)
	done := func(_ flow.Identity, err error) { answers <- err }
	open := opened(flow.SessionID{})
	over := closed(flow.SessionID{})
	for i := range n {
		r := &open
		if i%2 == 1 {
			r = &over
		} else {
			open.Session = flow.NewSessionID()
			over.Session = open.Session
		}
		begun := time.Now()
		j.Append(*r, done)
		err := <-answers
		took = append(took, time.Since(begun))
		if err != nil && j.durability != DurabilityNone { // none may run ahead of the disk until the queue is full
			b.Error(err)
			return took
		}
	}
	return took
}

func BenchmarkEncode(b *testing.B) {
	r := closed(flow.NewSessionID())
	enc := newEncoder()
	b.ReportAllocs()
	for b.Loop() {
		if err := enc.encode(&r); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(enc.out)))
}

func BenchmarkDecode(b *testing.B) {
	r := closed(flow.NewSessionID())
	line := lineOf(b, &r)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(line); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify is of bytes a second, as is how long a start after a crash takes to look for open sessions.
func BenchmarkVerify(b *testing.B) {
	c := small(b.TempDir())
	j, stop := running(b, c)
	for range 5000 {
		id := flow.NewSessionID()
		j.Append(opened(id), nil)
		j.Append(closed(id), nil)
	}
	if err := stop(); err != nil {
		b.Fatal(err)
	}
	path := segmentsOf(b, c.Settings.Dir)[0]
	b.SetBytes(path.size)
	b.Run("verify", func(b *testing.B) {
		b.SetBytes(path.size)
		for b.Loop() {
			content(b, c.Settings.Dir)
		}
	})
	b.Run("open", func(b *testing.B) {
		b.SetBytes(path.size)
		for b.Loop() {
			if _, err := scanSessions(&path, 1<<63, map[flow.SessionID]place{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	_ = os.RemoveAll(c.Settings.Dir)
}
