package origin

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// A process that a scan has shown to hold its socket alone is found without another for ten seconds. It is what the
// process says: one that holds the socket no more is not found.
func TestGlanceFindsWhoWasAlone(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	c := start(t, uint32(os.Geteuid()), "stay", "tcp4", l.Addr().String())
	accepted, _ := accept(t, l)
	lead, known := leadOf(t, accepted)
	s := newProcSearch(ResolverConfig{Users: NewUsers()})
	now := time.Now()
	s.now = func() time.Time { return now }
	look := func(how func(context.Context, *party)) (o flow.Origin, answered bool) {
		w := newWaiter()
		p := &party{now: time.Now, seeks: []seek{{lead: lead, known: known, deadline: time.Now().Add(patient), by: w}}}
		p.ask(time.Now())
		how(t.Context(), p)
		select {
		case o := <-w:
			return o, true
		default:
			return o, false
		}
	}
	scan := func(ctx context.Context, p *party) { s.scan(ctx, p) }
	if _, answered := look(s.glance); answered {
		t.Error("a glance has found somebody whom nobody knew")
	}
	first, _ := look(scan)
	if first.PID != c.pid() {
		t.Fatalf("%+v", first)
	}
	now = now.Add(believed - 1)
	if o, answered := look(s.glance); !answered || o.Process != first.Process {
		t.Errorf("%+v", o)
	}
	now = now.Add(1)
	if _, answered := look(s.glance); answered {
		t.Error("it was believed for longer")
	}
	if o, _ := look(scan); o.Process != first.Process {
		t.Errorf("%+v", o)
	}
	c.end()
	if o, answered := look(s.glance); answered {
		t.Errorf("who has ended is found: %+v", o)
	}
	if len(s.processes.byPID) != 0 {
		t.Error("who has ended is remembered")
	}
}

// A forwarder is asked about once in each search, and as long as it carries the same it is the same one.
func TestForwarderOfAHolder(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	start(t, uint32(os.Geteuid()), "stay", "tcp4", l.Addr().String())
	accepted, pid := accept(t, l)
	asked, name := 0, "sshd"
	r := running(t, ResolverConfig{Forwarder: func(_ context.Context, p *flow.Process) *flow.Forwarder {
		asked++
		if p.PID != pid || name == "" {
			return nil
		}
		return &flow.Forwarder{Name: name, PID: p.PID}
	}})
	first := find(t, r, accepted)
	if first.Forwarder == nil || first.Forwarder.Name != "sshd" || asked != 1 {
		t.Fatalf("%+v, asked %d times", first.Forwarder, asked)
	}
	if again := find(t, r, accepted); again.Forwarder != first.Forwarder || asked != 2 {
		t.Errorf("%+v, asked %d times", again.Forwarder, asked)
	}
	name = "socat"
	if other := find(t, r, accepted); other.Forwarder == first.Forwarder || other.Forwarder.Name != "socat" ||
		first.Forwarder.Name != "sshd" {
		t.Errorf("%+v", other.Forwarder)
	}
	name = ""
	if none := find(t, r, accepted); none.Forwarder != nil {
		t.Errorf("%+v", none.Forwarder)
	}
}
