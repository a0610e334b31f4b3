package proxy

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
)

// search is what a resolver was asked.
type search struct {
	lead flow.Lead
	by   flow.Seeker
}

// answer answers as a resolver does: the lead is given up before.
func (s search) answer(t *testing.T, o flow.Origin) {
	t.Helper()
	if err := unix.Close(s.lead.PIDFD); err != nil {
		t.Errorf("the search's descriptor: %v", err)
	}
	s.by.Found(o)
}

// searches is a resolver that hands on what it is asked.
type searches chan search

func (s searches) Seek(l flow.Lead, _ flow.Origin, _ time.Time, by flow.Seeker) { s <- search{l, by} }

// next is the next search, whose lead must still lead to the peer that the pipe is of.
func (s searches) next(t *testing.T, peer *os.File) search {
	t.Helper()
	var next search
	select {
	case next = <-s:
	case <-time.After(20 * time.Second):
		t.Fatal("waited in vain for a search")
	}
	got := make([]byte, 1)
	if _, err := unix.Write(next.lead.PIDFD, []byte("!")); err != nil {
		t.Errorf("the lead of a search leads nowhere: %v", err)
	} else if _, err := peer.Read(got); err != nil || got[0] != '!' {
		t.Errorf("the lead of a search leads to somebody else: %q, %v", got, err)
	}
	return next
}

// tolerant lets everybody in, and asks for the process before.
type tolerant struct{ verdicts }

func (tolerant) Decide(f *flow.Facts) flow.Verdict {
	if !f.Sought {
		return flow.Verdict{Action: flow.Need, Rule: "anybody"}
	}
	return flow.Verdict{Action: flow.Allow, Rule: "anybody"}
}

// curious is a header of which it matters which process sends it.
type curious struct{ hello }

func (curious) Trust(f *flow.Facts) flow.Verdict { return tolerant{}.Decide(f) }

// Who waits for a process in vain and goes on without it gets to know it later, like who never waited.
func TestAWaitThatWasTooShort(t *testing.T) { onEachLane(t, testAWaitThatWasTooShort) }

func testAWaitThatWasTooShort(t *testing.T, open opener) {
	recorder := &witness{process: true}
	for name, c := range map[string]Config{
		"rules":    {Rules: tolerant{}},
		"header":   {Services: []Service{{Header: curious{hello{20 * time.Second}}}}},
		"recorder": {Recorder: recorder},
	} {
		t.Run(name, func(t *testing.T) {
			b, r, w := newBackend(t, "127.0.0.1:0"), make(searches, 8), witnesses{other: make(chan *os.File, 1)}
			if c.Services == nil {
				c.Services = make([]Service, 1)
			}
			s := &c.Services[0]
			s.Name, s.Fronts, s.Backend = "echo", []flow.Endpoint{at("127.0.0.1", freePort(t))}, b.endpoint()
			c.Identify, c.Resolver = w, r
			d := open(t, c)
			client := dial(t, s.Fronts[0])
			peer := w.look()

			short := r.next(t, peer)
			if !short.by.Urgent() {
				t.Error("nobody hurries for whom somebody waits")
			}
			short.answer(t, flow.Origin{Attribution: flow.AttributionUIDOnly, UID: 1})
			if s.Header != nil {
				_, _ = io.WriteString(client, "HELLO 7\n")
			}
			echo(t, client, "hello")

			long := r.next(t, peer)
			if long.by.Urgent() || !long.by.Wanted() {
				t.Errorf("urgent: %v, wanted: %v", long.by.Urgent(), long.by.Wanted())
			}
			long.answer(t, psql())
			w.expectClosed(t)
			if o := d.log.of(flow.EventSessionOrigin); len(o) != 1 || o[0].Origin.Program != "psql" {
				t.Errorf("%+v", o)
			}
			if c.Recorder != nil && !strings.Contains(recorder.said(), "origin psql") {
				t.Errorf("the recorder was told: %s", recorder.said())
			}
			_ = client.Close()
			if o := d.log.waitFor(t, flow.EventSessionClose, 1)[0].Origin; o.Program != "psql" || len(r) != 0 {
				t.Errorf("%+v, and %d more searches", o, len(r))
			}
		})
	}
}

// Who is waited for is looked for once, and the lead is given up, whatever becomes of the session.
func TestAWaitThatWasLongEnough(t *testing.T) { onEachLane(t, testAWaitThatWasLongEnough) }

func testAWaitThatWasLongEnough(t *testing.T, open opener) {
	for name, o := range map[string]flow.Origin{"let in": psql(), "denied": {}} {
		t.Run(name, func(t *testing.T) {
			b, r, w := newBackend(t, "127.0.0.1:0"), make(searches, 8), witnesses{other: make(chan *os.File, 1)}
			front := at("127.0.0.1", freePort(t))
			d := open(t, Config{Identify: w, Resolver: r, Rules: needy{}, Services: []Service{
				{Name: "echo", Fronts: []flow.Endpoint{front}, Backend: b.endpoint()},
			}})
			client := dial(t, front)
			peer := w.look()
			r.next(t, peer).answer(t, o)
			if o.Process != nil {
				echo(t, client, "hello")
			} else {
				expectReset(t, client)
			}
			w.expectClosed(t)
			d.stop()
			if len(r) != 0 {
				t.Errorf("%d more searches", len(r))
			}
		})
	}
}

// Lodoor's end comes before the answer: each of the two gives up what it has.
func TestAWaitThatEnds(t *testing.T) { onEachLane(t, testAWaitThatEnds) }

func testAWaitThatEnds(t *testing.T, open opener) {
	b, r, w := newBackend(t, "127.0.0.1:0"), make(searches, 8), witnesses{other: make(chan *os.File, 1)}
	front := at("127.0.0.1", freePort(t))
	d := open(t, Config{Identify: w, Resolver: r, Rules: needy{}, Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{front}, Backend: b.endpoint()},
	}})
	client := dial(t, front)
	peer := w.look()
	s := r.next(t, peer)
	d.stop()
	expectReset(t, client)
	s.answer(t, psql())
	w.expectClosed(t)
}
