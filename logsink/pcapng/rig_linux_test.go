package pcapng_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/policy"
	"github.com/lodoor/lodoor/proxy/flow"
)

// What the proxy declares; tests do not look up either.
var _ interface {
	NeedsProcess(service string) bool
	Tap(open *flow.Record) flow.SessionTap
} = (*pcapng.Recorder)(nil)

const front4, front6, back4 = "127.0.0.1:62893", "[::1]:62893", "127.0.0.1:5432"

// services are those that a rig records.
func services() []string { return []string{"db", "bulk", "chat", "../etc/x", ".."} }

// standing are services that the configuration wants recorded.
func standing(services ...string) (all []policy.Standing) {
	for _, service := range services {
		all = append(all, policy.Standing{Service: service})
	}
	return all
}

// rig is a recorder that runs.
type rig struct {
	*pcapng.Recorder
	t   testing.TB
	dir string
	end func()

	legs int // that were given out

	mu       sync.Mutex
	troubles []error
}

func newRig(t testing.TB, c pcapng.Config) *rig {
	t.Helper()
	r := &rig{t: t, dir: c.Dir}
	if r.dir == "" {
		r.dir = filepath.Join(t.TempDir(), "recordings")
	}
	c.Dir, c.Version = r.dir, "v1.2.3"
	if c.Standing == nil {
		for _, service := range services() {
			c.Standing = append(c.Standing, policy.Standing{Service: service, Plan: c.Plan()})
		}
	}
	c.Trouble = func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.troubles = append(r.troubles, err)
	}
	var err error
	if r.Recorder, err = pcapng.New(c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(r.end)
	return r
}

func (r *rig) trouble() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]error(nil), r.troubles...)
}

func (r *rig) files(service string) []string {
	r.t.Helper()
	list, err := filepath.Glob(filepath.Join(r.dir, service+"-*.pcapng"))
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// file is the one recording of a service.
func (r *rig) file(service string) string {
	r.t.Helper()
	list := r.files(service)
	if len(list) != 1 {
		r.t.Fatalf("recordings of %s: %q, want one", service, list)
	}
	return list[0]
}

// peerBetween is a peer between two addresses; both empty is a Unix socket's.
func peerBetween(client, front string) *flow.Peer {
	if client == "" {
		return &flow.Peer{}
	}
	return &flow.Peer{Addr: netip.MustParseAddrPort(client), Front: netip.MustParseAddrPort(front)}
}

// opening is the open record of a session.
func opening(service, client, front string) *flow.Record {
	return &flow.Record{
		Time: time.Now(), Event: flow.EventSessionOpen, Service: service, Session: flow.NewSessionID(),
		Peer: peerBetween(client, front), Verdict: &flow.Verdict{Action: flow.Allow, Rule: "builtin.loopback"},
	}
}

// told is a tap whose bytes are written as soon as they are told.
type told struct{ flow.SessionTap }

func (t told) Data(d flow.Direction, at time.Time, b []byte) {
	t.SessionTap.Data(d, at, b)
	t.Written(d, at, uint64(len(b)))
}

// tap begins a session whose backend is reached at once; it fails the test when there is no tap.
func (r *rig) tap(service, client, front string) told {
	r.t.Helper()
	return r.open(opening(service, client, front))
}

func (r *rig) open(o *flow.Record) told {
	r.t.Helper()
	tap := r.Tap(o)
	if tap == nil {
		r.t.Fatal("no tap")
	}
	r.legs++
	leg := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(10_000+r.legs))
	tap.Connected(o.Time, leg, netip.MustParseAddrPort(back4))
	return told{tap}
}

// pattern is n bytes of a stream whose byte at any offset can be told. The race detector would look at each byte by itself.
//
//go:norace
func pattern(offset uint64, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = patternByte(offset + uint64(i))
	}
	return b
}

func patternByte(offset uint64) byte { return byte(offset*0x9e3779b97f4a7c15>>56) ^ byte(offset) }

func fin() *flow.Outcome { return &flow.Outcome{End: flow.EndFIN, EndedBy: flow.SideClient} }
