package journal

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// BenchmarkAppend has writers that each wait for the answer before they append again, alternating opens and closes.
func BenchmarkAppend(b *testing.B) {
	for _, d := range []Durability{DurabilityNone, DurabilityProcess, DurabilityDisk} {
		for _, writers := range []int{1, 2, 8, 64} {
			b.Run(fmt.Sprintf("%s/writers=%d", d, writers), func(b *testing.B) { benchmarkAppend(b, d, writers) })
		}
	}
}

func benchmarkAppend(b *testing.B, d Durability, writers int) {
	c := small(b.TempDir())
	c.Settings.Durability, c.Settings.MaxSize = d, 64*flow.MiB
	var syncs atomic.Int64
	j, stop := runningOn(b, c, counting(&syncs))
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
	if n := syncs.Load(); n > 0 {
		b.ReportMetric(float64(len(times))/float64(n), "appends/sync")
	}
}

// counting opens files that count how often they are synced.
func counting(syncs *atomic.Int64) opener {
	return func(path string, flag int) (file, error) {
		f, err := openOS(path, flag)
		return countedFile{f, syncs}, err
	}
}

type countedFile struct {
	file
	syncs *atomic.Int64
}

func (f countedFile) Sync() error {
	f.syncs.Add(1)
	return f.file.Sync()
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

// BenchmarkFlush has loops that write each record themselves, as a loop does that has one event in its turn, and never
// wait.
func BenchmarkFlush(b *testing.B) {
	for _, loops := range []int{1, 2} {
		for _, batch := range []int{1, 16} {
			b.Run(fmt.Sprintf("loops=%d/batch=%d", loops, batch), func(b *testing.B) { benchmarkFlush(b, loops, batch) })
		}
	}
}

func benchmarkFlush(b *testing.B, loops, batch int) {
	c := small(b.TempDir())
	c.Settings.MaxSize = 64 * flow.MiB
	j, stop := running(b, c)
	each := b.N/loops + 1
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for range loops {
		all.Go(func() { addMany(j, each, batch) })
	}
	all.Wait()
	b.StopTimer()
	if err := stop(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(j.Stats().Dropped)*100/float64(each*loops), "%dropped") // where the disk was too slow
	b.ReportMetric(float64(each*loops)/b.Elapsed().Seconds(), "records/s")
}

// addMany adds opens and closes, alternating, and flushes after each batch of them.
func addMany(j *Journal, n, batch int) {
	var answers atomic.Int64
	done := func(flow.Identity, error) { answers.Add(1) }
	open, over := opened(flow.NewSessionID()), closed(flow.SessionID{})
	over.Session = open.Session
	for i := range n {
		if i%2 == 0 {
			j.Add(open, done)
		} else {
			j.Add(over, done)
		}
		if i%batch == batch-1 {
			j.Flush()
		}
	}
	j.Flush()
}

// BenchmarkFlushNothing is what a loop pays in a turn without records.
func BenchmarkFlushNothing(b *testing.B) {
	j, _ := running(b, small(b.TempDir()))
	for b.Loop() {
		j.Flush()
	}
}

func BenchmarkEncode(b *testing.B) { benchmarkEncode(b, closed(flow.NewSessionID())) }

// BenchmarkEncodeProcess has all that is known of a process, and what a close says of it.
func BenchmarkEncodeProcess(b *testing.B) {
	r := exampleConveyed(flow.NewSessionID())
	b.Run("open", func(b *testing.B) { benchmarkEncode(b, r) })
	b.Run("close", func(b *testing.B) { benchmarkEncode(b, exampleHost(r.Session)) })
	b.Run("origin", func(b *testing.B) { benchmarkEncode(b, located(r.Session)) })
}

func benchmarkEncode(b *testing.B, r flow.Record) {
	enc := newEncoder()
	b.ReportAllocs()
	for b.Loop() {
		if err := enc.encode(&r); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(enc.out)))
}

// BenchmarkDecode has lines as a journal has them, and one that encoding/json has to read.
func BenchmarkDecode(b *testing.B) {
	id := flow.NewSessionID()
	over := closed(id)
	for _, c := range []struct {
		name   string
		record flow.Record
	}{{"close", over}, {"open", exampleConveyed(id)}, {"origin", located(id)}} {
		b.Run(c.name, func(b *testing.B) { benchmarkDecode(b, lineOf(b, &c.record)) })
	}
	b.Run("spaced", func(b *testing.B) {
		benchmarkDecode(b, bytes.Replace(lineOf(b, &over), []byte(":"), []byte(": "), 1))
	})
}

func benchmarkDecode(b *testing.B, line []byte) {
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
