package origin

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// crowd starts processes with 20 descriptors, half of them sockets.
func crowd(b *testing.B, processes int) {
	b.Helper()
	sleep := testkit.Program(b, "sleep")
	var files []*os.File
	for range 5 {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		null, errNull := os.Open(os.DevNull)
		if err := errors.Join(err, errNull); err != nil {
			b.Fatal(err)
		}
		files = append(files, os.NewFile(uintptr(pair[0]), "a"), os.NewFile(uintptr(pair[1]), "b"), null)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		b.Fatal(err)
	}
	files = append(files, null, null)
	for range processes {
		cmd := exec.Command(sleep, "600")
		cmd.ExtraFiles = files // 17, and the three standard ones
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	}
	for _, f := range files {
		_ = f.Close()
	}
}

// client is a child that has connected, and stays.
func client(b *testing.B) (c *child, lead flow.Lead, known flow.Origin) {
	b.Helper()
	l := listen(b, "tcp4", "127.0.0.1:0")
	c = start(b, uint32(os.Geteuid()), "stay", "tcp4", l.Addr().String())
	accepted, _ := accept(b, l)
	lead, known = leadOf(b, accepted)
	return c, lead, known
}

// BenchmarkSearch is one search among 300 processes with 20 descriptors each: for one that was never seen, for a known
// one that may not be alone, and for a known one.
func BenchmarkSearch(b *testing.B) {
	crowd(b, 300)
	c, lead, known := client(b)
	b.Run("unknown", func(b *testing.B) {
		c.sought(b, lead, known, func(s *search) { s.processes = newProcesses() })
	})
	b.Run("shared", func(b *testing.B) {
		c.sought(b, lead, known, func(s *search) { s.processes.order.Front().Value.(*holder).alone = time.Time{} })
	})
	b.Run("known", func(b *testing.B) {
		c.sought(b, lead, known, func(s *search) {
			s.processes.order.Front().Value.(*holder).alone = time.Now().Add(time.Hour)
		})
	})
}

// sought measures searches for a child, after what is done to the memory before each.
func (c *child) sought(b *testing.B, lead flow.Lead, known flow.Origin, before func(*search)) {
	s, w, p := newProcSearch(ResolverConfig{Users: NewUsers()}), newWaiter(), &party{now: time.Now}
	once := func() {
		p.seeks = append(p.seeks[:0], seek{lead: lead, known: known, deadline: time.Now().Add(time.Hour), by: w})
		p.ask(time.Now())
		if s.glance(b.Context(), p); !p.seeks[0].over {
			s.scan(b.Context(), p)
		}
		if o := <-w; o.PID != c.pid() {
			b.Fatalf("%+v", o)
		}
	}
	once()
	b.ReportAllocs()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began, n := threadTime(), 0
	for b.Loop() {
		before(s)
		once()
		n++
	}
	b.ReportMetric(float64((threadTime()-began).Nanoseconds())/float64(n), "cpu-ns/op")
}

// BenchmarkStorm is the processor time that a second of short sessions takes: 2,000 that are over at once, and among
// them one in ten that stays until it is answered.
func BenchmarkStorm(b *testing.B) {
	crowd(b, 300)
	_, lead, known := client(b)
	r, err := NewResolver(ResolverConfig{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = r.Run(ctx) })
	var usage unix.Rusage
	own := func() time.Duration {
		_ = unix.Getrusage(unix.RUSAGE_SELF, &usage)
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	before, seeks := own(), 0
	began := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		for i := range 200 {
			a := &asker{}
			l := lead
			if i%10 != 0 {
				l.Inode++ // nobody's
			}
			r.Seek(l, known, time.Now().Add(5*time.Second), a)
			if i%10 != 0 {
				a.left.Store(true)
			}
			seeks++
			<-time.After(500 * time.Microsecond)
		}
	}
	b.ReportMetric(100*(own()-before).Seconds()/time.Since(began).Seconds(), "cpu-%")
	b.ReportMetric(float64(seeks)/time.Since(began).Seconds(), "seeks/s")
	cancel()
	group.Wait()
}
