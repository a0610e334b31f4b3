package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

const errReset = syscall.ECONNRESET

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// localPeers takes every peer for a proven local one.
type localPeers struct{}

func (localPeers) Prepare(uintptr, string) error { return nil }

func (localPeers) Identify(s *lane.Socket) (flow.Peer, flow.Origin, flow.Lead) {
	return flow.Peer{Addr: s.Remote(), Front: s.Local(), Zone: flow.ZoneLoopback, Proof: flow.ProofIngress}, flow.Origin{}, flow.Lead{}
}

// verdicts answers the same to everybody.
type verdicts struct{ flow.Verdict }

func (v verdicts) Decide(*flow.Facts) flow.Verdict { return v.Verdict }

func (verdicts) ProcessWait() time.Duration { return 10 * time.Second }

func allowAll() Rules { return verdicts{flow.Verdict{Action: flow.Allow, Rule: "test.allow"}} }

func denyAll() Rules {
	return verdicts{flow.Verdict{Action: flow.Deny, Rule: "test.deny", Cause: flow.CauseRule, Reason: "because"}}
}

// memoryLog keeps records. With hold set it keeps the calls of done for open records back, too.
type memoryLog struct {
	mu      sync.Mutex
	changed *sync.Cond
	records []flow.Record
	fail    error // of opens
	hold    bool
	held    []func()
	added   []func()
}

func newMemoryLog() *memoryLog {
	l := &memoryLog{}
	l.changed = sync.NewCond(&l.mu)
	return l
}

func (l *memoryLog) Append(r flow.Record, done func(flow.Identity, error)) {
	l.mu.Lock()
	l.records = append(l.records, r)
	if l.hold && r.Event == flow.EventSessionOpen {
		promised := done
		l.held = append(l.held, func() { promised(flow.Identity{}, nil) })
		done = nil
	}
	var err error
	if r.Event == flow.EventSessionOpen {
		err = l.fail
	}
	l.changed.Broadcast()
	l.mu.Unlock()
	if done != nil {
		done(flow.Identity{}, err)
	}
}

// Add keeps a record until flush.
func (l *memoryLog) Add(r flow.Record, done func(flow.Identity, error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.added = append(l.added, func() { l.Append(r, done) })
}

func (l *memoryLog) flush() {
	l.mu.Lock()
	added := l.added
	l.added = nil
	l.mu.Unlock()
	for _, add := range added {
		add()
	}
}

func (l *memoryLog) of(e flow.Event) []flow.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var some []flow.Record
	for _, r := range l.records {
		if r.Event == e {
			some = append(some, r)
		}
	}
	return some
}

// waitFor waits until there are n records of an event.
func (l *memoryLog) waitFor(t *testing.T, e flow.Event, n int) []flow.Record {
	t.Helper()
	eventually(t, strconv.Itoa(n)+" records "+e.String(), func() bool { return len(l.of(e)) >= n })
	return l.of(e)
}

// eventually polls for a condition; only its failure takes time.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !cond(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// backend is a TCP echo server that counts its connections.
type backend struct {
	ln net.Listener
	mu sync.Mutex
	n  int
	wg sync.WaitGroup
}

func newBackend(t *testing.T, at string) *backend {
	t.Helper()
	ln, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{ln: ln}
	b.wg.Go(b.serve)
	t.Cleanup(func() { _ = ln.Close(); b.wg.Wait() })
	return b
}

func (b *backend) serve() {
	for {
		c, err := b.ln.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.n++
		b.mu.Unlock()
		b.wg.Go(func() {
			defer c.Close()
			_, _ = io.Copy(c, c)
		})
	}
}

func (b *backend) connections() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n
}

func (b *backend) endpoint() flow.Endpoint {
	e, _ := flow.ParseEndpoint(b.ln.Addr().String())
	return e
}

// freePort finds a port that is free on both loopback addresses now.
func freePort(t *testing.T) uint16 {
	t.Helper()
	for range 50 {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := netip.MustParseAddrPort(ln.Addr().String()).Port()
		_ = ln.Close()
		ln, err = net.Listen("tcp6", net.JoinHostPort("::1", strconv.Itoa(int(port))))
		if err == nil {
			_ = ln.Close()
			return port
		}
	}
	t.Fatal("no port is free on both 127.0.0.1 and ::1")
	return 0
}

func at(host string, port uint16) flow.Endpoint { return flow.Endpoint{Host: host, Port: port} }

// door is a running server with its log.
type door struct {
	*Server
	log  *memoryLog
	stop func()
}

// opener starts a server with one of the lanes.
type opener func(t *testing.T, c Config) *door

// onEachLane runs a test with every lane that this system has.
func onEachLane(t *testing.T, test func(t *testing.T, open opener)) {
	for _, kind := range []lane.Kind{lane.KindCopy, lane.KindLoop} {
		t.Run(kind.String(), func(t *testing.T) {
			test(t, func(t *testing.T, c Config) *door {
				if c.Log == nil {
					c.Log = newMemoryLog()
				}
				c.Lane = newLane(t, kind, c.Log.(*memoryLog).flush)
				return open(t, c)
			})
		})
	}
}

func newLane(t *testing.T, kind lane.Kind, turn func()) lane.Lane {
	t.Helper()
	var l lane.Lane
	var err error
	if kind == lane.KindLoop {
		l, err = lane.NewLoop(lane.LoopConfig{Loops: 2, Turn: turn})
	} else {
		l, err = lane.NewCopy(lane.CopyConfig{})
	}
	if errors.Is(err, errors.ErrUnsupported) && runtime.GOOS != "linux" {
		t.Skipf("this system has no lane %s", kind)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// open starts a server and stops it with the test.
func open(t *testing.T, c Config) *door {
	t.Helper()
	log := c.Log.(*memoryLog)
	if c.Rules == nil {
		c.Rules = allowAll()
	}
	if c.Identify == nil {
		c.Identify = localPeers{}
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	d := &door{Server: s, log: log}
	d.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(d.stop)
	return d
}

// dial connects to a door as a client.
func dial(t *testing.T, to flow.Endpoint) net.Conn {
	t.Helper()
	network, address := "tcp", to.String()
	if to.IsUnix() {
		network, address = "unix", to.Path
	}
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// echo sends a message through and expects it back.
func echo(t *testing.T, c net.Conn, message string) {
	t.Helper()
	if _, err := io.WriteString(c, message); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(message))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != message {
		t.Fatalf("echo of %q: %q, %v", message, got, err)
	}
}

// expectReset expects the connection to end by a reset, without a byte.
func expectReset(t *testing.T, c net.Conn) {
	t.Helper()
	n, err := c.Read(make([]byte, 1))
	if n != 0 || !errors.Is(err, errReset) {
		t.Fatalf("read: %d bytes, %v; expected a reset", n, err)
	}
}

// noLane is for servers that never get a session.
type noLane struct{}

func (noLane) Name() string                                     { return "none" }
func (noLane) Start(lane.Pair, func(flow.Outcome)) lane.Control { panic("no session was expected") }
func (noLane) Close() error                                     { return nil }

// expectNoEntry connects and expects a reset without a byte; it may come before connect has returned.
func expectNoEntry(t *testing.T, to flow.Endpoint) {
	t.Helper()
	c, err := net.Dial("tcp", to.String())
	if errors.Is(err, errReset) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	expectReset(t, c)
}
