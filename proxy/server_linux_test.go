package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

func TestSessionsAreRecorded(t *testing.T) { onEachLane(t, testSessionsAreRecorded) }

func testSessionsAreRecorded(t *testing.T, open opener) {
	b := newBackend(t, "127.0.0.1:0")
	port := freePort(t)
	d := open(t, Config{Services: []Service{{Name: "echo", Fronts: []flow.Endpoint{at("", port)}, Backend: b.endpoint()}}})
	for _, host := range []string{"127.0.0.1", "::1"} {
		c := dial(t, at(host, port))
		echo(t, c, "through "+host)
		leg := d.log.of(flow.EventSessionOpen)
		_ = c.Close()
		closes := d.log.waitFor(t, flow.EventSessionClose, len(leg))
		last := closes[len(closes)-1]
		want := uint64(len("through " + host))
		if o := last.Outcome; o.FromClient != want || o.FromBackend != want || o.End != flow.EndFIN || o.EndedBy != flow.SideClient {
			t.Errorf("outcome %+v", o)
		}
		if last.Outcome.Leg.Addr().String() != "127.0.0.1" || last.Outcome.Server.Port() != b.endpoint().Port {
			t.Errorf("backend leg %v to %v", last.Outcome.Leg, last.Outcome.Server)
		}
		if last.Peer.Addr.Addr().String() != host {
			t.Errorf("peer %v", last.Peer.Addr)
		}
	}
	opens, closes := d.log.of(flow.EventSessionOpen), d.log.of(flow.EventSessionClose)
	if len(opens) != 2 || len(closes) != 2 || opens[0].Session != closes[0].Session || opens[0].Session.IsZero() {
		t.Errorf("%d opens, %d closes", len(opens), len(closes))
	}
}

// P1: nothing reaches the backend before the open record is where it was promised to be.
func TestNoDialBeforeTheOpenRecord(t *testing.T) { onEachLane(t, testNoDialBeforeTheOpenRecord) }

func testNoDialBeforeTheOpenRecord(t *testing.T, open opener) {
	b := newBackend(t, "127.0.0.1:0")
	log := newMemoryLog()
	log.hold = true
	port := freePort(t)
	open(t, Config{Log: log, Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("", port)}, Backend: b.endpoint()},
	}})
	c := dial(t, at("127.0.0.1", port))
	if _, err := io.WriteString(c, "early"); err != nil {
		t.Fatal(err)
	}
	log.waitFor(t, flow.EventSessionOpen, 1)
	// A connection of our own goes through the backend's queue behind any that lodoor would have made.
	echo(t, dial(t, b.endpoint()), "probe")
	if n := b.connections(); n != 1 {
		t.Fatalf("the backend saw %d connections beside the probe before the record was written", n-1)
	}
	log.mu.Lock()
	release := log.held[0]
	log.mu.Unlock()
	release()
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "early" {
		t.Fatalf("%q, %v", got, err)
	}
}

// P7: a journal that fails takes the service away only where it was told to.
func TestRecordThatIsLost(t *testing.T) {
	onEachLane(t, func(t *testing.T, open opener) {
		for _, must := range []bool{false, true} {
			b := newBackend(t, "127.0.0.1:0")
			log := newMemoryLog()
			log.fail = errors.New("no space left on device")
			port := freePort(t)
			d := open(t, Config{Log: log, MustRecord: must, Services: []Service{
				{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()},
			}})
			if !must {
				c := dial(t, at("127.0.0.1", port))
				echo(t, c, "all the same")
				_ = c.Close()
				log.waitFor(t, flow.EventSessionClose, 1)
				continue
			}
			expectNoEntry(t, at("127.0.0.1", port))
			r := log.waitFor(t, flow.EventSessionClose, 1)[0]
			if v := r.Outcome.Refused; v == nil || v.Cause != flow.CauseJournal || r.Outcome.End != flow.EndDenied || r.Outcome.Lane != "" {
				t.Errorf("closed with %+v, %+v", r.Outcome, v)
			}
			if b.connections() != 0 {
				t.Errorf("the backend saw %d connections", b.connections())
			}
			if n := d.Counts(); len(n) != 1 || n[0].Refused[flow.CauseJournal] != 1 || n[0].Open != 0 || n[0].Opened != 0 {
				t.Errorf("counted %+v", n)
			}
		}
	})
}

func TestCounts(t *testing.T) {
	onEachLane(t, func(t *testing.T, open opener) {
		b := newBackend(t, "127.0.0.1:0")
		port := freePort(t)
		d := open(t, Config{Services: []Service{
			{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()},
		}})
		c := dial(t, at("127.0.0.1", port))
		echo(t, c, "hello")
		if n := d.Counts()[0]; n.Service != "echo" || n.Open != 1 || n.Opened != 1 || n.FromClient != 0 {
			t.Errorf("with an open session: %+v", n)
		}
		_ = c.Close()
		d.log.waitFor(t, flow.EventSessionClose, 1)
		if n := d.Counts()[0]; n.Open != 0 || n.Opened != 1 || n.FromClient != 5 || n.FromBackend != 5 {
			t.Errorf("when it is over: %+v", n)
		}
	})
}

func TestRefusedAreResetAndRecorded(t *testing.T) { onEachLane(t, testRefusedAreResetAndRecorded) }

func testRefusedAreResetAndRecorded(t *testing.T, open opener) {
	b := newBackend(t, "127.0.0.1:0")
	port := freePort(t)
	d := open(t, Config{Rules: denyAll(), Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()},
	}})
	expectNoEntry(t, at("127.0.0.1", port))
	r := d.log.waitFor(t, flow.EventSessionRefused, 1)[0]
	if r.Verdict.Rule != "test.deny" || r.Refusal.Count != 1 || r.Service != "echo" {
		t.Errorf("refusal %+v %+v", r.Verdict, r.Refusal)
	}
	if b.connections() != 0 {
		t.Errorf("the backend saw %d connections", b.connections())
	}
}

func TestTripwireRefusesEverybody(t *testing.T) { onEachLane(t, testTripwireRefusesEverybody) }

func testTripwireRefusesEverybody(t *testing.T, open opener) {
	b := newBackend(t, "127.0.0.1:0")
	port := freePort(t)
	watched := at("127.0.0.77", port) // stands for an own address; namespaces test the real ones
	addr, _ := watched.Addr()
	d := open(t, Config{Services: []Service{{
		Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint(),
		Tripwire: []netip.Addr{addr},
	}}})
	expectNoEntry(t, watched)
	r := d.log.waitFor(t, flow.EventSessionRefused, 1)[0]
	if r.Verdict.Cause != flow.CauseTripwire || !r.Refusal.Tripwire {
		t.Errorf("refusal %+v %+v", r.Verdict, r.Refusal)
	}
	echo(t, dial(t, at("127.0.0.1", port)), "the door itself is open")
}

func TestBackendDown(t *testing.T) { onEachLane(t, testBackendDown) }

func testBackendDown(t *testing.T, open opener) {
	port := freePort(t)
	missing := filepath.Join(t.TempDir(), "none")
	for _, tc := range []struct {
		name    string
		backend flow.Endpoint
		detail  string
	}{
		{"tcp", flow.Endpoint{Port: freePort(t)}, "nothing listens on localhost:"},
		{"unix", flow.Endpoint{Path: missing}, "there is no socket unix:" + missing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := open(t, Config{Services: []Service{
				{Name: "down", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: tc.backend},
			}})
			expectNoEntry(t, at("127.0.0.1", port))
			o := d.log.waitFor(t, flow.EventSessionClose, 1)[0].Outcome
			if o.End != flow.EndDialRefused || o.EndedBy != flow.SideBackend || !bytes.HasPrefix([]byte(o.Detail), []byte(tc.detail)) {
				t.Errorf("outcome %v by %v: %s", o.End, o.EndedBy, o.Detail)
			}
			d.stop()
		})
	}
}

func TestDialWaitsForABackendThatStarts(t *testing.T) {
	onEachLane(t, testDialWaitsForABackendThatStarts)
}

func testDialWaitsForABackendThatStarts(t *testing.T, open opener) {
	port, back := freePort(t), freePort(t)
	d := open(t, Config{Services: []Service{{
		Name: "late", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: flow.Endpoint{Port: back},
		Timeouts: Timeouts{DialRetry: time.Minute},
	}}})
	c := dial(t, at("127.0.0.1", port))
	d.log.waitFor(t, flow.EventSessionOpen, 1)
	newBackend(t, at("127.0.0.1", back).String())
	echo(t, c, "at last")
}

func TestClientThatLeavesWhileDialledIsNoticed(t *testing.T) {
	onEachLane(t, testClientThatLeavesWhileDialledIsNoticed)
}

func testClientThatLeavesWhileDialledIsNoticed(t *testing.T, open opener) {
	port := freePort(t)
	d := open(t, Config{Services: []Service{{
		Name: "late", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: flow.Endpoint{Port: freePort(t)},
		Timeouts: Timeouts{DialRetry: time.Hour},
	}}})
	c := dial(t, at("127.0.0.1", port)).(*net.TCPConn)
	d.log.waitFor(t, flow.EventSessionOpen, 1)
	_ = c.SetLinger(0)
	_ = c.Close()
	if o := d.log.waitFor(t, flow.EventSessionClose, 1)[0].Outcome; o.End != flow.EndClientGone || o.EndedBy != flow.SideClient {
		t.Errorf("outcome %v by %v", o.End, o.EndedBy)
	}
}

func TestBareFrontIsBothOrNothing(t *testing.T) {
	port := freePort(t)
	squatter, err := net.Listen("tcp6", at("::1", port).String())
	if err != nil {
		testkit.Missing(t, "::1 cannot be bound: %v", err)
	}
	defer squatter.Close()
	s, err := New(Config{Lane: noLane{}, Identify: localPeers{}, Rules: allowAll(), Log: newMemoryLog(), Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("", port)}, Backend: flow.Endpoint{Port: 1}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var bind *BindError
	if err := s.Listen(); !errors.As(err, &bind) {
		t.Fatalf("listen: %v", err)
	}
	if !bind.InUse() || bind.Front != at("::1", port) || bind.FreeOther != at("127.0.0.1", port) || bind.Restart {
		t.Errorf("bind error %+v", bind)
	}
	ln, err := net.Listen("tcp4", at("127.0.0.1", port).String())
	if err != nil {
		t.Fatalf("127.0.0.1 stayed bound: %v", err)
	}
	_ = ln.Close()
}

func TestUnixFront(t *testing.T) { onEachLane(t, testUnixFront) }

func testUnixFront(t *testing.T, open opener) {
	b := newBackend(t, "127.0.0.1:0")
	path := filepath.Join(t.TempDir(), "front")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	_ = stale.Close() // what a crash leaves behind
	services := []Service{{Name: "echo", Fronts: []flow.Endpoint{{Path: path}}, Backend: b.endpoint()}}
	d := open(t, Config{Services: services})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket %v, %v; expected mode 0600", info.Mode(), err)
	}
	echo(t, dial(t, flow.Endpoint{Path: path}), "by a path")
	if p := d.log.of(flow.EventSessionOpen)[0].Peer; p.Path != path {
		t.Errorf("peer's path %q", p.Path)
	}
	second, err := New(Config{Lane: noLane{}, Identify: localPeers{}, Rules: allowAll(), Log: newMemoryLog(), Services: services})
	if err != nil {
		t.Fatal(err)
	}
	var bind *BindError
	if err := second.Listen(); !errors.As(err, &bind) || !bind.InUse() {
		t.Errorf("a second door on the socket of a living one: %v", err)
	}
	d.stop()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stayed behind: %v", err)
	}
}

func TestReload(t *testing.T) { onEachLane(t, testReload) }

func testReload(t *testing.T, open opener) {
	first, second := newBackend(t, "127.0.0.1:0"), newBackend(t, "127.0.0.1:0")
	kept, gone, added := freePort(t), freePort(t), freePort(t)
	old := []Service{
		{Name: "kept", Fronts: []flow.Endpoint{at("", kept)}, Backend: first.endpoint()},
		{Name: "gone", Fronts: []flow.Endpoint{at("127.0.0.1", gone)}, Backend: first.endpoint()},
	}
	d := open(t, Config{Services: old})
	established := dial(t, at("127.0.0.1", kept))
	echo(t, established, "before")

	t.Run("a front that is taken rejects the whole", func(t *testing.T) {
		squatter, err := net.Listen("tcp4", at("127.0.0.1", added).String())
		if err != nil {
			t.Fatal(err)
		}
		defer squatter.Close()
		bad := []Service{
			{Name: "kept", Fronts: []flow.Endpoint{at("", kept)}, Backend: second.endpoint()},
			{Name: "added", Fronts: []flow.Endpoint{at("127.0.0.1", added)}, Backend: second.endpoint()},
		}
		var bind *BindError
		if err := d.Reload(bad, denyAll()); !errors.As(err, &bind) || bind.Restart {
			t.Fatalf("reload: %v", err)
		}
		echo(t, dial(t, at("127.0.0.1", gone)), "still there")
		if second.connections() != 0 {
			t.Error("a rejected reload changed a backend")
		}
	})
	t.Run("what lodoor holds itself needs a restart", func(t *testing.T) {
		bad := []Service{{Name: "kept", Fronts: []flow.Endpoint{at("0.0.0.0", kept)}, Backend: first.endpoint()}}
		var bind *BindError
		if err := d.Reload(bad, allowAll()); !errors.As(err, &bind) || !bind.Restart {
			t.Fatalf("reload: %v", err)
		}
	})
	t.Run("a good one swaps all", func(t *testing.T) {
		good := []Service{
			{Name: "kept", Fronts: []flow.Endpoint{at("", kept)}, Backend: second.endpoint()},
			{Name: "added", Fronts: []flow.Endpoint{at("127.0.0.1", added)}, Backend: second.endpoint()},
		}
		if err := d.Reload(good, allowAll()); err != nil {
			t.Fatal(err)
		}
		before := second.connections()
		echo(t, established, "after")
		if second.connections() != before {
			t.Error("an established session moved")
		}
		echo(t, dial(t, at("127.0.0.1", kept)), "new backend")
		echo(t, dial(t, at("127.0.0.1", added)), "new front")
		eventually(t, "the front that is gone to be closed", func() bool {
			c, err := net.Dial("tcp", at("127.0.0.1", gone).String())
			if err == nil {
				_ = c.Close()
			}
			return errors.Is(err, syscall.ECONNREFUSED)
		})
	})
	t.Run("rules are swapped", func(t *testing.T) {
		if err := d.Reload(old, denyAll()); err != nil {
			t.Fatal(err)
		}
		echo(t, established, "keeps its verdict")
		expectNoEntry(t, at("127.0.0.1", kept))
	})
}

// A front that a reload takes away serves what waits in its queue.
// onlyFor are rules that know one service.
type onlyFor struct {
	verdicts
	service string
}

func (r onlyFor) Decide(f *flow.Facts) flow.Verdict {
	if f.Service != r.service {
		return flow.Verdict{Rule: "test.unknown", Reason: "there are no rules for " + f.Service}
	}
	return r.verdicts.Decide(f)
}

// slowPeers are examined when the test says so.
type slowPeers struct {
	localPeers
	begun, release chan struct{}
}

func (p slowPeers) Identify(s *lane.Socket) (flow.Peer, flow.Origin, flow.Lead) {
	p.begun <- struct{}{}
	<-p.release
	return p.localPeers.Identify(s)
}

// P11: who is being let in while a reload gives the service another name is judged by the rules that know the old one.
func TestReloadBetweenAcceptAndDecision(t *testing.T) {
	onEachLane(t, func(t *testing.T, open opener) {
		b := newBackend(t, "127.0.0.1:0")
		port := freePort(t)
		named := func(name string) []Service {
			return []Service{{Name: name, Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()}}
		}
		peers := slowPeers{begun: make(chan struct{}), release: make(chan struct{})}
		d := open(t, Config{Identify: peers, Services: named("old"), Rules: onlyFor{allowAll().(verdicts), "old"}})
		c := dial(t, at("127.0.0.1", port))
		<-peers.begun
		if err := d.Reload(named("new"), onlyFor{allowAll().(verdicts), "new"}); err != nil {
			t.Fatal(err)
		}
		close(peers.release)
		echo(t, c, "in all the same")
		if r := d.log.of(flow.EventSessionOpen); len(r) != 1 || r[0].Service != "old" {
			t.Errorf("opens %+v", r)
		}
	})
}

func TestReloadServesTheQueue(t *testing.T) {
	b := newBackend(t, "127.0.0.1:0")
	port := freePort(t)
	log := newMemoryLog()
	s, err := New(Config{Lane: noLane{}, Identify: localPeers{}, Rules: denyAll(), Log: log, Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	const waiting = 50 // in the queue of a server that does not accept yet
	for range waiting {
		dial(t, at("127.0.0.1", port))
	}
	for _, l := range s.listeners {
		l.stop()
		s.acceptLoop(l)
	}
	<-s.sessions.empty()
	s.refused.flush()
	var n uint64
	for _, r := range log.of(flow.EventSessionRefused) {
		n += r.Refusal.Count
	}
	if n != waiting {
		t.Errorf("%d of %d connections in the queue were answered", n, waiting)
	}
	s.spare.close()
}

func TestDrain(t *testing.T) { onEachLane(t, testDrain) }

func testDrain(t *testing.T, open opener) {
	b := newBackend(t, "127.0.0.1:0")
	port := freePort(t)
	services := []Service{{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()}}

	t.Run("waits for sessions", func(t *testing.T) {
		d := open(t, Config{Drain: time.Hour, Services: services})
		c := dial(t, at("127.0.0.1", port))
		echo(t, c, "working")
		stopped := make(chan struct{})
		go func() { d.stop(); close(stopped) }()
		eventually(t, "the front to close", func() bool {
			x, err := net.Dial("tcp", at("127.0.0.1", port).String())
			if err == nil {
				_ = x.Close()
			}
			return err != nil
		})
		echo(t, c, "still working")
		_ = c.Close()
		<-stopped
		if o := d.log.of(flow.EventSessionClose)[0].Outcome; o.End != flow.EndFIN {
			t.Errorf("ended by %v", o.End)
		}
	})
	t.Run("ends them at its deadline", func(t *testing.T) {
		d := open(t, Config{Drain: 0, Services: services})
		c := dial(t, at("127.0.0.1", port))
		echo(t, c, "working")
		d.stop()
		expectReset(t, c)
		if o := d.log.of(flow.EventSessionClose)[0].Outcome; o.End != flow.EndDrain || o.EndedBy != flow.SideLodoor {
			t.Errorf("ended by %v, %v", o.End, o.EndedBy)
		}
	})
	t.Run("ends them when forced", func(t *testing.T) {
		d := open(t, Config{Drain: time.Hour, Services: services})
		c := dial(t, at("127.0.0.1", port))
		echo(t, c, "working")
		stopped := make(chan struct{})
		go func() { d.stop(); close(stopped) }()
		d.Force()
		<-stopped
		expectReset(t, c)
	})
}
