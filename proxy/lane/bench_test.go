package lane_test

import (
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
	"github.com/lodoor/lodoor/proxy/lane/lanetest"
)

// ways are what can be between a client and a service.
func ways() map[string]func(b *testing.B) lanetest.Ends {
	all := map[string]func(b *testing.B) lanetest.Ends{
		"direct": func(b *testing.B) lanetest.Ends { return lanetest.Direct(b, "tcp4") },
		"iocopy": ioCopy,
		"copy":   func(b *testing.B) lanetest.Ends { return lanetest.Through(b, "tcp4", newLane(b)) },
	}
	for name, newLane := range moreLanes() {
		all[name] = func(b *testing.B) lanetest.Ends { return lanetest.Through(b, "tcp4", newLane(b)) }
	}
	return all
}

// ioCopy is what a few lines of Go do: two goroutines in io.Copy, which splices.
func ioCopy(b *testing.B) lanetest.Ends {
	front, back := lanetest.Direct(b, "tcp4"), lanetest.Direct(b, "tcp4")
	carry := func(dst, src net.Conn) {
		_, _ = io.Copy(dst, src)
		_ = dst.(*net.TCPConn).CloseWrite()
	}
	go carry(back.Client, front.Backend)
	go carry(front.Backend, back.Client)
	for _, c := range []net.Conn{front.Backend, back.Client} {
		_ = c.SetDeadline(time.Time{})
	}
	return lanetest.Ends{Client: front.Client, Backend: back.Backend}
}

func bench(b *testing.B, f func(b *testing.B, e lanetest.Ends)) {
	for name, way := range ways() {
		b.Run(name, func(b *testing.B) {
			e := way(b)
			_ = e.Client.SetDeadline(time.Time{})
			_ = e.Backend.SetDeadline(time.Time{})
			f(b, e)
			_ = e.Client.Close()
			_ = e.Backend.Close()
		})
	}
}

// BenchmarkBulk sends in one direction, 128 KiB a write.
func BenchmarkBulk(b *testing.B) {
	bench(b, func(b *testing.B, e lanetest.Ends) {
		chunk := make([]byte, 128<<10)
		b.SetBytes(int64(len(chunk)))
		b.ReportAllocs()
		go func() {
			for range b.N {
				if _, err := e.Client.Write(chunk); err != nil {
					b.Error(err)
					return
				}
			}
		}()
		if _, err := io.CopyN(io.Discard, struct{ io.Reader }{e.Backend}, int64(b.N*len(chunk))); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkPingPong sends 100 bytes there and back.
func BenchmarkPingPong(b *testing.B) {
	bench(b, func(b *testing.B, e lanetest.Ends) {
		b.ReportAllocs()
		go func() {
			in := make([]byte, 100)
			for {
				if _, err := io.ReadFull(e.Backend, in); err != nil {
					return
				}
				if _, err := e.Backend.Write(in); err != nil {
					return
				}
			}
		}()
		out, in := make([]byte, 100), make([]byte, 100)
		for b.Loop() {
			if _, err := e.Client.Write(out); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(e.Client, in); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkIdle tells what one session holds in which nothing moves: heap and stacks, without its two ends.
func BenchmarkIdle(b *testing.B) {
	benchLanes(b, func(b *testing.B, newLane func(testing.TB) lane.Lane) {
		for b.Loop() {
			idle(b, newLane(b))
		}
	})
}

// benchLanes runs f with every lane.
func benchLanes(b *testing.B, f func(b *testing.B, newLane func(testing.TB) lane.Lane)) {
	b.Run("copy", func(b *testing.B) { f(b, newLane) })
	for name, newLane := range moreLanes() {
		b.Run(name, func(b *testing.B) { f(b, newLane) })
	}
}

func idle(b *testing.B, l lane.Lane) {
	const sessions = 500
	pairs, ends := make([]lane.Pair, sessions), make([]lanetest.Ends, sessions)
	for i := range pairs {
		ends[i], pairs[i] = lanetest.Legs(b, "tcp4")
	}
	before := held()
	for _, p := range pairs {
		l.Start(p, func(flow.Outcome) {})
	}
	ping(b, ends)
	b.ReportMetric(float64(held()-before)/sessions, "B/session")
	for _, e := range ends {
		_ = e.Client.Close()
		_ = e.Backend.Close()
	}
	_ = l.Close()
}

func ping(b testing.TB, ends []lanetest.Ends) {
	b.Helper()
	for _, e := range ends {
		for _, way := range [][2]net.Conn{{e.Client, e.Backend}, {e.Backend, e.Client}} {
			_, _ = way[0].Write([]byte{1})
			if _, err := way[1].Read(make([]byte, 1)); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func held() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// BenchmarkSession is one session from its start to its end, without the connections' own cost of about as much.
func BenchmarkSession(b *testing.B) {
	benchLanes(b, func(b *testing.B, newLane func(testing.TB) lane.Lane) { openAndClose(b, newLane(b)) })
}

func openAndClose(b *testing.B, l lane.Lane) {
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		e, p := lanetest.Legs(b, "tcp4")
		done := make(chan struct{})
		b.StartTimer()
		l.Start(p, func(flow.Outcome) { close(done) })
		_ = e.Client.Close()
		_ = e.Backend.Close()
		<-done
	}
	_ = l.Close()
}
