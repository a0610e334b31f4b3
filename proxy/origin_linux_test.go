package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// answers is a resolver that keeps its seekers until it is told what to say.
type answers struct {
	mu    sync.Mutex
	asked []func(flow.Origin)
	by    []flow.Seeker
}

func (a *answers) Seek(_ flow.Lead, _ flow.Origin, _ time.Time, by flow.Seeker) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked, a.by = append(a.asked, by.Found), append(a.by, by)
}

// next waits for search n, from 0.
func (a *answers) next(t *testing.T, n int) flow.Seeker {
	t.Helper()
	eventually(t, fmt.Sprintf("search %d", n), func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.by) > n
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.by[n]
}

func psql() flow.Origin {
	p := &flow.Process{PID: 4242, Program: "psql"}
	return flow.Origin{Attribution: flow.AttributionLiveSocket, PID: p.PID, Program: p.Program, Process: p}
}

func TestOriginIsRecordedBetweenOpenAndClose(t *testing.T) { onEachLane(t, testOriginIsRecorded) }

func testOriginIsRecorded(t *testing.T, open opener) {
	b, r, port := newBackend(t, "127.0.0.1:0"), &answers{}, freePort(t)
	d := open(t, Config{Resolver: r, Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()},
	}})
	c := dial(t, at("127.0.0.1", port))
	echo(t, c, "hello")
	search := r.next(t, 0)
	if !search.Wanted() {
		t.Error("an open session does not want to know who its peer is")
	}
	search.Found(flow.Origin{Attribution: flow.AttributionUIDOnly, UID: 1}) // nothing new: no record
	search.Found(psql())
	if got := d.log.of(flow.EventSessionOrigin); len(got) != 1 || got[0].Origin.Program != "psql" ||
		got[0].Session != d.log.of(flow.EventSessionOpen)[0].Session || got[0].Service != "echo" {
		t.Fatalf("%+v", got)
	}
	if v := d.Sessions(); len(v) != 1 || v[0].Origin.PID != 4242 || !v[0].Running || v[0].FromClient != 5 || !v[0].Leg.IsValid() {
		t.Errorf("%+v", v)
	}
	_ = c.Close()
	closed := d.log.waitFor(t, flow.EventSessionClose, 1)
	if closed[0].Origin.Program != "psql" {
		t.Errorf("the close says %+v", closed[0].Origin)
	}
	search.Found(psql())
	if n := len(d.log.of(flow.EventSessionOrigin)); n != 1 || search.Wanted() {
		t.Errorf("%d records after the close; wanted: %v", n, search.Wanted())
	}
}

// Who connected is recorded once: with who else has the socket or, when the session is over before that is known, right
// before the close.
func TestWhoConnectedIsRecordedOnce(t *testing.T) { onEachLane(t, testWhoConnectedIsRecordedOnce) }

func testWhoConnectedIsRecordedOnce(t *testing.T, open opener) {
	b, r, port := newBackend(t, "127.0.0.1:0"), &answers{}, freePort(t)
	d := open(t, Config{Resolver: r, Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()},
	}})
	first := psql()
	first.Attribution = flow.AttributionExactConnect
	whole := first
	whole.Holders = []*flow.Process{first.Process, {PID: 7, Program: "cat"}}
	for n, holders := range []int{2, 0} {
		c := dial(t, at("127.0.0.1", port))
		echo(t, c, "hello")
		search := r.next(t, n)
		search.Met(first)
		if v := d.Sessions(); len(v) != 1 || v[0].Origin.PID != 4242 {
			t.Errorf("%+v", v)
		}
		if got := d.log.of(flow.EventSessionOrigin); len(got) != n {
			t.Errorf("%d records before the search is over, not %d", len(got), n)
		}
		if holders > 0 {
			search.Found(whole)
		}
		_ = c.Close()
		closed := d.log.waitFor(t, flow.EventSessionClose, n+1)
		got := d.log.of(flow.EventSessionOrigin)
		if len(got) != n+1 || got[n].Session != closed[n].Session || len(got[n].Origin.Holders) != holders ||
			got[n].Origin.Process != first.Process || closed[n].Origin.PID != 4242 {
			t.Errorf("%+v", got)
		}
		search.Met(first)
		search.Found(whole)
		if late := d.log.of(flow.EventSessionOrigin); len(late) != n+1 {
			t.Errorf("%d records after the close", len(late))
		}
	}
}

// needy lets in psql alone, and asks for the process.
type needy struct{ verdicts }

func (needy) Decide(f *flow.Facts) flow.Verdict {
	switch {
	case f.Origin.Program == "psql":
		return flow.Verdict{Action: flow.Allow, Rule: "psql"}
	case f.Sought:
		return flow.Verdict{Rule: "others", Cause: flow.CauseRule, Reason: "not psql"}
	}
	return flow.Verdict{Action: flow.Need, Rule: "psql"}
}

func TestRulesWaitForTheProcess(t *testing.T) { onEachLane(t, testRulesWaitForTheProcess) }

func testRulesWaitForTheProcess(t *testing.T, open opener) {
	b, r, port := newBackend(t, "127.0.0.1:0"), &answers{}, freePort(t)
	d := open(t, Config{Resolver: r, Rules: needy{}, Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()},
	}})
	in := dial(t, at("127.0.0.1", port))
	r.next(t, 0).Found(psql())
	echo(t, in, "hello")
	out := dial(t, at("127.0.0.1", port))
	search := r.next(t, 1)
	if n := len(d.log.of(flow.EventSessionOpen)); n != 1 {
		t.Errorf("%d opens while a peer is not known", n)
	}
	search.Found(flow.Origin{})
	expectReset(t, out)
	if opens := d.log.of(flow.EventSessionOpen); opens[0].Origin.Program != "psql" || len(opens) != 1 {
		t.Errorf("%+v", opens)
	}
	if got := d.log.waitFor(t, flow.EventSessionRefused, 1); got[0].Verdict.Rule != "others" {
		t.Errorf("%+v", got[0].Verdict)
	}
	_ = in.Close()
	d.log.waitFor(t, flow.EventSessionClose, 1)
	if n := len(d.log.of(flow.EventSessionOrigin)); n != 0 || len(r.by) != 2 {
		t.Errorf("%d origin records, %d searches for what was known at the open", n, len(r.by))
	}
}

// Rules that never have enough let nobody in.
func TestRulesThatAskForEver(t *testing.T) { onEachLane(t, testRulesThatAskForEver) }

func testRulesThatAskForEver(t *testing.T, open opener) {
	b, port := newBackend(t, "127.0.0.1:0"), freePort(t)
	d := open(t, Config{Rules: verdicts{flow.Verdict{Action: flow.Need, Rule: "more"}}, Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()},
	}})
	expectNoEntry(t, at("127.0.0.1", port))
	if v := d.log.waitFor(t, flow.EventSessionRefused, 1)[0].Verdict; v.Rule != "more" || v.Cause != flow.CauseInternal {
		t.Errorf("%+v", v)
	}
	if n := b.connections(); n != 0 {
		t.Errorf("the backend saw %d connections", n)
	}
}

// Without a resolver what is unknown stays so, at once.
func TestRulesWithoutAResolver(t *testing.T) { onEachLane(t, testRulesWithoutAResolver) }

func testRulesWithoutAResolver(t *testing.T, open opener) {
	b, port := newBackend(t, "127.0.0.1:0"), freePort(t)
	open(t, Config{Rules: needy{}, Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()},
	}})
	expectNoEntry(t, at("127.0.0.1", port))
}

// hello is a header "HELLO n\n" that conveys 192.0.2.n.
type hello struct{ timeout time.Duration }

func (hello) Trust(f *flow.Facts) flow.Verdict {
	if f.Origin.Program == "stranger" {
		return flow.Verdict{Rule: ruleHeader, Cause: flow.CauseHeader, Reason: "not trusted"}
	}
	return flow.Verdict{Action: flow.Allow}
}

func (h hello) Timeout() time.Duration { return h.timeout }

func (hello) Missing(b []byte) int { return max(1, len("HELLO 1\n")-len(b)) }

func (hello) Parse(b []byte, _ *flow.Peer) (int, *flow.Conveyed, error) {
	switch {
	case !bytes.HasPrefix([]byte("HELLO"), b) && !bytes.HasPrefix(b, []byte("HELLO")):
		return 0, nil, errors.New("that is no header")
	case b[len(b)-1] != '\n':
		return 0, nil, nil
	case b[6] == '0':
		return len(b), nil, nil
	}
	client := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, b[6] - '0'}), 4000)
	return len(b), &flow.Conveyed{Client: client, Zone: flow.ZoneLAN, Version: 1}, nil
}

func TestHeader(t *testing.T) { onEachLane(t, testHeader) }

func testHeader(t *testing.T, open opener) {
	b, port := newBackend(t, "127.0.0.1:0"), freePort(t)
	d := open(t, Config{Services: []Service{{
		Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint(), Header: hello{20 * time.Second},
	}}})
	for i, header := range []string{"HELLO 7\n", "HELLO 0\n", "HELLO 007\n"} {
		c := dial(t, at("127.0.0.1", port))
		if _, err := io.WriteString(c, header+"first"); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 5)
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "first" {
			t.Fatalf("%q, %v", got, err)
		}
		echo(t, c, "and more")
		opened := d.log.of(flow.EventSessionOpen)[i]
		if conveyed := opened.Peer.Conveyed; (conveyed != nil) != (header == "HELLO 7\n") ||
			conveyed != nil && conveyed.Client.String() != "192.0.2.7:4000" {
			t.Errorf("%q: %+v", header, conveyed)
		}
		if opened.Peer.Addr.Addr().String() != "127.0.0.1" {
			t.Errorf("the peer is %v", opened.Peer.Addr)
		}
		_ = c.Close()
	}
	for i, bad := range []string{"GET / HTTP/1.1\r\n\r\n", "HEL"} {
		c := dial(t, at("127.0.0.1", port))
		if _, err := io.WriteString(c, bad); err != nil {
			t.Fatal(err)
		}
		_ = c.(*net.TCPConn).CloseWrite()
		expectReset(t, c)
		refused := d.log.waitFor(t, flow.EventSessionRefused, i+1)
		if v := refused[i].Verdict; v.Cause != flow.CauseHeader || v.Rule != ruleHeader || v.Reason == "" {
			t.Errorf("%+v", v)
		}
	}
	// What is shorter than a header and no beginning of one is not waited for.
	c := dial(t, at("127.0.0.1", port))
	if _, err := io.WriteString(c, "HI"); err != nil {
		t.Fatal(err)
	}
	expectReset(t, c)
	if v := d.log.waitFor(t, flow.EventSessionRefused, 3)[2].Verdict; v.Reason != "that is no header" {
		t.Errorf("%+v", v)
	}
	if n := b.connections(); n != 3 {
		t.Errorf("the backend saw %d connections", n)
	}
}

func TestHeaderThatDoesNotCome(t *testing.T) { onEachLane(t, testHeaderThatDoesNotCome) }

func testHeaderThatDoesNotCome(t *testing.T, open opener) {
	b, port := newBackend(t, "127.0.0.1:0"), freePort(t)
	d := open(t, Config{Services: []Service{{
		Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint(), Header: hello{300 * time.Millisecond},
	}}})
	c := dial(t, at("127.0.0.1", port))
	expectReset(t, c)
	if v := d.log.waitFor(t, flow.EventSessionRefused, 1)[0].Verdict; v.Reason != "no PROXY header within 300ms: 0 bytes came" {
		t.Errorf("%+v", v)
	}
}

// Lodoor's end does not wait for a header.
func TestHeaderAtTheEnd(t *testing.T) { onEachLane(t, testHeaderAtTheEnd) }

func testHeaderAtTheEnd(t *testing.T, open opener) {
	b, port := newBackend(t, "127.0.0.1:0"), freePort(t)
	d := open(t, Config{Services: []Service{{
		Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint(), Header: hello{time.Hour},
	}}})
	c := dial(t, at("127.0.0.1", port))
	eventually(t, "a session", func() bool { return d.Open() == 1 })
	d.stop()
	expectReset(t, c)
}

func TestKillByName(t *testing.T) { onEachLane(t, testKillByName) }

func testKillByName(t *testing.T, open opener) {
	b, port := newBackend(t, "127.0.0.1:0"), freePort(t)
	d := open(t, Config{Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()},
	}})
	stays, goes := dial(t, at("127.0.0.1", port)), dial(t, at("127.0.0.1", port))
	echo(t, stays, "one")
	echo(t, goes, "two")
	sessions := d.Sessions()
	if len(sessions) != 2 || sessions[0].Accepted.After(sessions[1].Accepted) {
		t.Fatalf("%+v", sessions)
	}
	for _, v := range sessions {
		if v.Peer.Addr.String() == goes.LocalAddr().String() && !d.Kill(v.ID) {
			t.Error("the session is not there to be ended")
		}
	}
	expectReset(t, goes)
	echo(t, stays, "three")
	closed := d.log.waitFor(t, flow.EventSessionClose, 1)[0]
	if closed.Outcome.End != flow.EndKilled || d.Kill(closed.Session) || d.Kill(flow.NewSessionID()) {
		t.Errorf("%+v", closed.Outcome)
	}
}

// Who is still being examined may be refused, and is no session that could be told or ended.
func TestTheExaminedAreNotOpen(t *testing.T) { onEachLane(t, testTheExaminedAreNotOpen) }

func testTheExaminedAreNotOpen(t *testing.T, open opener) {
	b, r, port := newBackend(t, "127.0.0.1:0"), &answers{}, freePort(t)
	d := open(t, Config{Resolver: r, Rules: needy{}, Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()},
	}})
	c := dial(t, at("127.0.0.1", port))
	search := r.next(t, 0)
	if v := d.Sessions(); len(v) != 0 {
		t.Errorf("told before the verdict: %+v", v)
	}
	if d.Kill(d.sessions.all()[0].id) {
		t.Error("ended before the verdict")
	}
	search.Found(psql())
	echo(t, c, "hello")
	if v := d.Sessions(); len(v) != 1 || !v[0].Running {
		t.Errorf("%+v", v)
	}
}

// A session that waits for its backend ends when it is killed, not when the backend comes.
func TestKillWhileDialling(t *testing.T) { onEachLane(t, testKillWhileDialling) }

func testKillWhileDialling(t *testing.T, open opener) {
	port, nobody := freePort(t), at("127.0.0.1", freePort(t))
	d := open(t, Config{Services: []Service{{
		Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: nobody,
		Timeouts: Timeouts{DialRetry: time.Hour},
	}}})
	c := dial(t, at("127.0.0.1", port))
	eventually(t, "an open session", func() bool { return len(d.Sessions()) == 1 })
	v := d.Sessions()[0]
	if v.Running || !d.Kill(v.ID) {
		t.Errorf("%+v", v)
	}
	expectReset(t, c)
	o := d.log.waitFor(t, flow.EventSessionClose, 1)[0].Outcome
	if o.End != flow.EndKilled || o.EndedBy != flow.SideLodoor || o.Detail != "the session was killed while the backend was being dialled" {
		t.Errorf("%+v", o)
	}
}

// A backend whose queue is full does not answer, so that the session waits on its loop.
func TestKillWhileConnecting(t *testing.T) { onEachLane(t, testKillWhileConnecting) }

func testKillWhileConnecting(t *testing.T, open opener) {
	port := freePort(t)
	d := open(t, Config{Services: []Service{{
		Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: mute(t),
		Timeouts: Timeouts{Dial: 2 * time.Second},
	}}})
	c := dial(t, at("127.0.0.1", port))
	eventually(t, "an open session", func() bool { return len(d.Sessions()) == 1 })
	if v := d.Sessions()[0]; v.Running || v.Leg.IsValid() || !d.Kill(v.ID) {
		t.Errorf("%+v", v)
	}
	expectReset(t, c)
	if o := d.log.waitFor(t, flow.EventSessionClose, 1)[0].Outcome; o.End != flow.EndKilled || o.EndedBy != flow.SideLodoor {
		t.Errorf("%+v", o)
	}
}

// mute is a listener whose queue is full: the kernel drops what would connect to it (listen(2)).
func mute(t *testing.T) flow.Endpoint {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	e := at("127.0.0.1", uint16(sa.(*unix.SockaddrInet4).Port))
	dial(t, e) // a queue of 0 has room for one
	return e
}

// Who is turned away since lodoor ends is told so.
func TestTheEndIsTheReason(t *testing.T) { onEachLane(t, testTheEndIsTheReason) }

func testTheEndIsTheReason(t *testing.T, open opener) {
	for name, s := range map[string]Service{
		"header":  {Header: hello{time.Hour}},
		"process": {},
	} {
		t.Run(name, func(t *testing.T) {
			b, r, port := newBackend(t, "127.0.0.1:0"), &answers{}, freePort(t)
			s.Name, s.Fronts, s.Backend = "echo", []flow.Endpoint{at("127.0.0.1", port)}, b.endpoint()
			d := open(t, Config{Resolver: r, Rules: needy{}, Services: []Service{s}})
			c := dial(t, at("127.0.0.1", port))
			if s.Header == nil {
				r.next(t, 0)
			} else {
				eventually(t, "a peer that is examined", func() bool {
					all := d.sessions.all()
					return len(all) == 1 && all[0].who.Load() != nil
				})
			}
			d.stop()
			expectReset(t, c)
			if v := d.log.waitFor(t, flow.EventSessionRefused, 1)[0].Verdict; v.Cause != flow.CauseDraining {
				t.Errorf("%+v", v)
			}
		})
	}
}

// later is a resolver that keeps how much time a search has.
type later struct{ has chan time.Duration }

func (l later) Seek(_ flow.Lead, _ flow.Origin, deadline time.Time, _ flow.Seeker) {
	l.has <- time.Until(deadline)
}

// The process is looked for as long, however late the session was opened.
func TestSearchOfALateSession(t *testing.T) {
	b, r, port := newBackend(t, "127.0.0.1:0"), later{make(chan time.Duration, 1)}, freePort(t)
	l, err := lane.NewCopy(lane.CopyConfig{})
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, Config{Resolver: r, Lane: l, Log: newMemoryLog(), Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()},
	}})
	c := dial(t, at("127.0.0.1", port))
	echo(t, c, "hello")
	x := d.sessions.all()[0]
	<-r.has
	late := &session{settings: x.settings, front: x.front, id: x.id, accepted: x.accepted.Add(-time.Hour)}
	late.who.Store(x.who.Load())
	late.seek(flow.Lead{})
	if has := <-r.has; has <= 0 {
		t.Errorf("the search has %v", has)
	}
}
