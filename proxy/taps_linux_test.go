package proxy

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// witness makes taps that write down what they are told.
type witness struct {
	keeps   bool // as a recorder does
	process bool // it has to know the peer's process
	skip    bool // it does not want the session

	mu    sync.Mutex
	told  []string
	open  flow.Record
	legs  [2]netip.AddrPort
	bytes uint64
}

func (w *witness) Wants(string) bool { return true }

func (w *witness) NeedsProcess(string) bool { return w.process }

func (w *witness) Tap(open *flow.Record) flow.SessionTap {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = *open
	if w.skip {
		return nil
	}
	return w
}

func (w *witness) opened() flow.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open
}

func (w *witness) tell(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, what)
}

func (w *witness) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(slices.Clone(w.told), ", ")
}

func (w *witness) Room(flow.Direction, func()) bool { return true }
func (w *witness) Data(d flow.Direction, _ time.Time, b []byte) {
	w.mu.Lock()
	w.bytes += uint64(len(b))
	w.mu.Unlock()
	w.tell(fmt.Sprintf("%v %s", d, b))
}
func (w *witness) Skipped(flow.Direction, time.Time, uint64) {}
func (w *witness) Written(d flow.Direction, _ time.Time, n uint64) {
	w.tell(fmt.Sprintf("%v %d written", d, n))
}
func (w *witness) Answered(time.Time, uint64, []byte) {}
func (w *witness) Shut(d flow.Direction, _ time.Time) { w.tell(fmt.Sprintf("%v shut", d)) }
func (w *witness) Connected(_ time.Time, leg, server netip.AddrPort) {
	w.mu.Lock()
	w.legs = [2]netip.AddrPort{leg, server}
	w.mu.Unlock()
	w.tell("connected")
}
func (w *witness) Origin(o *flow.Origin) { w.tell("origin " + o.Program) }
func (w *witness) Done(time.Time, *flow.Outcome) (kept, skipped uint64) {
	w.tell("done")
	if !w.keeps {
		return 0, 0
	}
	return w.bytes, 0
}

func TestTwoReadAlong(t *testing.T) { onEachLane(t, testTwoReadAlong) }

func testTwoReadAlong(t *testing.T, open opener) {
	b, r, port := newBackend(t, "127.0.0.1:0"), &answers{}, freePort(t)
	recorder, decoder := &witness{keeps: true}, &witness{}
	d := open(t, Config{Resolver: r, Recorder: recorder, Decoder: decoder, Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()},
	}})
	c := dial(t, at("127.0.0.1", port))
	echo(t, c, "hello")
	r.next(t, 0).Found(psql())
	_ = c.Close()
	closed := d.log.waitFor(t, flow.EventSessionClose, 1)[0]

	for name, w := range map[string]*witness{"recorder": recorder, "decoder": decoder} {
		said := w.said()
		if !strings.HasPrefix(said, "connected, from_client hello, ") || !strings.HasSuffix(said, "done") {
			t.Errorf("the %s was told: %s", name, said)
		}
		for _, what := range []string{"from_client 5 written", "from_backend hello", "from_backend 5 written", "origin psql", "from_client shut"} {
			if !strings.Contains(said, what) {
				t.Errorf("the %s was not told %q: %s", name, what, said)
			}
		}
		if w.legs[0] != closed.Outcome.Leg || w.legs[1] != closed.Outcome.Server || !w.legs[0].IsValid() {
			t.Errorf("the %s was told of legs %v, the close says %v and %v", name, w.legs, closed.Outcome.Leg, closed.Outcome.Server)
		}
		if o := w.opened(); o.Session != closed.Session || o.Service != "echo" || o.Verdict.Rule != "test.allow" {
			t.Errorf("the %s was told of %+v", name, o)
		}
	}
	if o := closed.Outcome; !o.Tapped || !o.Recorded || o.TapKept != 10 || o.TapSkipped != 0 {
		t.Errorf("the close says tapped %v, recorded %v, %d and %d bytes", o.Tapped, o.Recorded, o.TapKept, o.TapSkipped)
	}
}

func TestADecoderIsNoRecorder(t *testing.T) { onEachLane(t, testADecoderIsNoRecorder) }

func testADecoderIsNoRecorder(t *testing.T, open opener) {
	b, port := newBackend(t, "127.0.0.1:0"), freePort(t)
	d := open(t, Config{Recorder: &witness{skip: true}, Decoder: &witness{}, Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()},
	}})
	c := dial(t, at("127.0.0.1", port))
	echo(t, c, "hello")
	_ = c.Close()
	if o := d.log.waitFor(t, flow.EventSessionClose, 1)[0].Outcome; !o.Tapped || o.Recorded || o.TapKept+o.TapSkipped != 0 {
		t.Errorf("the close says tapped %v, recorded %v, %d and %d bytes", o.Tapped, o.Recorded, o.TapKept, o.TapSkipped)
	}
}

// A backend that is not there: the tap is told the end, and of no leg.
func TestReadAlongUndialled(t *testing.T) { onEachLane(t, testReadAlongUndialled) }

func testReadAlongUndialled(t *testing.T, open opener) {
	port, w := freePort(t), &witness{keeps: true}
	d := open(t, Config{Recorder: w, Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: at("127.0.0.1", 1)}, // where nobody listens
	}})
	if c, err := net.Dial("tcp", netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port).String()); err == nil {
		defer c.Close() // the reset may come before or after
	}
	if o := d.log.waitFor(t, flow.EventSessionClose, 1)[0].Outcome; !o.End.DialFailed() || !o.Recorded {
		t.Errorf("%+v", o)
	}
	if w.said() != "done" {
		t.Errorf("told: %s", w.said())
	}
}

// Who has to know the process is asked once it is known, before the open record; the session waits.
func TestReadAlongWaitsForTheProcess(t *testing.T) { onEachLane(t, testReadAlongWaits) }

func testReadAlongWaits(t *testing.T, open opener) {
	b, r, port := newBackend(t, "127.0.0.1:0"), &answers{}, freePort(t)
	w := &witness{process: true}
	d := open(t, Config{Resolver: r, Recorder: w, Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()},
	}})
	c := dial(t, at("127.0.0.1", port))
	search := r.next(t, 0)
	if n := len(d.log.of(flow.EventSessionOpen)); n != 0 {
		t.Errorf("%d opens while the process is not known", n)
	}
	search.Found(psql())
	echo(t, c, "hello")
	if o := w.opened().Origin; o == nil || o.Program != "psql" {
		t.Errorf("asked with %+v", o)
	}
	_ = c.Close()
	d.log.waitFor(t, flow.EventSessionClose, 1)
}

// taking is a witness that takes what is in pipes.
type taking struct{ *witness }

func (taking) Piped(_ flow.Direction, _ time.Time, _, n int) int { return n - 1 }
func (taking) Beside() flow.Tap                                  { return nil }

// TestTaken has the recorder take out of pipes if it can, and the decoder beside it shown what that took.
func TestTaken(t *testing.T) {
	decoder := &witness{}
	for want, recorder := range map[int]flow.SessionTap{0: &witness{}, 6: taking{&witness{}}} {
		p := join(recorder, decoder).(flow.PipeTap)
		if taken := p.Piped(flow.FromClient, time.Now(), 0, 7); taken != want || p.Beside() != flow.Tap(decoder) {
			t.Errorf("%d were taken, beside is %v; want %d and the decoder", taken, p.Beside(), want)
		}
	}
}
