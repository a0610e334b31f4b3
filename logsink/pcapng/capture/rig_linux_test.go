package capture_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng/capture"
)

const patience = 20 * time.Second

// rig is a capture on lo of a network namespace of its own, and what it has seen.
type rig struct {
	*testing.T
	ns      *testkit.Netns
	capture *capture.Capture
	cancel  context.CancelFunc
	ended   chan error

	mu      sync.Mutex
	packets []capture.Packet
}

// newRig opens a capture; run starts to read it.
func newRig(t *testing.T, c capture.Config) *rig {
	t.Helper()
	r := &rig{T: t, ns: testkit.NewNetns(t)}
	r.open(c)
	return r
}

func (r *rig) open(c capture.Config) {
	r.Helper()
	r.ns.Do(func() {
		var err error
		if r.capture, err = capture.New(c); err != nil {
			r.Fatal(err)
		}
	})
	r.Cleanup(func() {
		if err := r.capture.Close(); err != nil {
			r.Error(err)
		}
	})
}

func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.ended = cancel, make(chan error, 1)
	go func() {
		r.ended <- r.capture.Run(ctx, func(p capture.Packet) {
			p.Data = bytes.Clone(p.Data)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.packets = append(r.packets, p)
		})
	}()
	r.Cleanup(func() { r.cancel() })
}

// stop ends the reading and answers what was seen.
func (r *rig) stop() []capture.Packet {
	r.Helper()
	r.cancel()
	if err := <-r.ended; err != nil {
		r.Fatal(err)
	}
	return r.packets
}

func (r *rig) stats() capture.Stats {
	r.Helper()
	s, err := r.capture.Stats()
	if err != nil {
		r.Fatal(err)
	}
	return s
}

// echo is a server in the namespace that sends back what it gets. The addresses are free in a namespace of its own.
func (r *rig) echo(address string) netip.AddrPort {
	r.Helper()
	var l net.Listener
	r.ns.Do(func() {
		var err error
		if l, err = net.Listen("tcp", address); err != nil {
			r.Fatal(err)
		}
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn) // the client looks at what comes back
			})
		}
	})
	r.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

// talk sends text to an echo server and reads it back, and answers its own address.
func (r *rig) talk(to netip.AddrPort, text []byte) netip.AddrPort {
	r.Helper()
	var conn net.Conn
	r.ns.Do(func() {
		var err error
		if conn, err = net.DialTimeout("tcp", to.String(), patience); err != nil {
			r.Fatal(err)
		}
	})
	defer conn.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(text)
		sent <- err
		_ = conn.(*net.TCPConn).CloseWrite() // what comes back tells
	}()
	back, err := io.ReadAll(conn)
	if err := <-sent; err != nil {
		r.Fatal(err)
	}
	if err != nil || !bytes.Equal(back, text) {
		r.Fatalf("%d bytes came back of %d: %v", len(back), len(text), err)
	}
	return netip.MustParseAddrPort(conn.LocalAddr().String())
}
