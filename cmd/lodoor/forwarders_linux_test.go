package main

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/proxy/flow"
)

// forwarding is a door's configuration, with a rule that refuses some forwarders unless it is empty. What the rule
// waits for always comes in time.
func forwarding(backend int, refused string) string {
	text := fmt.Sprintf("process_wait: 10s\nservices: [{name: svc, listen: PORT, backend: %d}]\n", backend)
	if refused != "" {
		text += "rules: [{name: no tunnels, action: deny, forwarder: " + refused + "}]\n"
	}
	return text
}

// through connects by way of a forwarder from where the calling thread is, and says whether the service answers.
func through(t *testing.T, port int) (c net.Conn, answered bool) {
	t.Helper()
	c = dialSoon(t, port)
	_, _ = io.WriteString(c, "x")
	_, err := io.ReadFull(c, make([]byte, 1))
	return c, err == nil
}

// carried waits until so many sessions were told to be of a forwarder, and none to be of another or of none.
func (d *testDoor) carried(name string, sessions int) []flow.Record {
	d.t.Helper()
	told := d.await(flow.EventSessionOrigin, sessions)
	for _, r := range told {
		if r.Origin.Forwarder == nil || r.Origin.Forwarder.Name != name {
			d.t.Fatalf("%+v is not carried by %s", r.Origin, name)
		}
	}
	return told
}

// turnedAway waits until so many sessions were refused by the rule on forwarders, since this one carries them.
func (d *testDoor) turnedAway(name string, sessions int) {
	d.t.Helper()
	for _, r := range d.await(flow.EventSessionRefused, sessions) {
		if f := r.Origin.Forwarder; r.Verdict.Rule != "no tunnels" || f == nil || f.Name != name {
			d.t.Errorf("%+v %+v", r.Verdict, r.Origin)
		}
	}
}

// carriedAlerts are the alerts of forwarders.
func (d *testDoor) carriedAlerts() (some []*flow.Alert) {
	d.t.Helper()
	for _, r := range d.records(flow.EventAlert) {
		if r.Alert.Condition == alert.CarriedPeer {
			some = append(some, r.Alert)
		}
	}
	return some
}

// A forwarder is told as one, and refused where a rule says so. It is no alert when its far end is this host.
func TestForwarderAtTheDoor(t *testing.T) {
	backend := testkit.EchoServer(t)
	for _, refused := range []string{"", "true"} {
		d := configured(t, forwarding(backend.Port(), refused))
		tunnel := testkit.FreePort(t)
		testkit.Start(t, exec.Command(testkit.Program(t, "socat"),
			fmt.Sprintf("TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr,fork", tunnel), "TCP:"+d.addr()))
		for n := range 2 {
			c, answered := through(t, tunnel)
			if answered != (refused == "") {
				t.Errorf("refused: %q, answered: %v", refused, answered)
			}
			if answered {
				d.carried("socat", n+1)
			}
			_ = c.Close()
		}
		if refused != "" {
			d.turnedAway("socat", 2)
		}
		d.settle()
		if got := d.carriedAlerts(); len(got) != 0 {
			t.Errorf("alerted: %+v", got[0])
		}
	}
}

// neighbours are two hosts in one network that is not one of containers, as the link between two namespaces is.
func neighbours(t *testing.T) *testkit.Network {
	t.Helper()
	n := testkit.NewNetwork(t)
	n.Host.IP("link", "add", "lan0", "type", "bridge")
	n.Host.IP("link", "set", "lan0", "up")
	n.Host.IP("addr", "flush", "dev", n.Link)
	n.Host.IP("addr", "add", n.Host4.String()+"/24", "dev", "lan0")
	n.Host.IP("link", "set", n.Link, "master", "lan0")
	return n
}

// Who comes from another host through this one's sshd (ssh -L) is told as that, alerted once however often he comes,
// and refused where a rule says so.
func TestSSHTunnelAtTheDoor(t *testing.T) {
	testkit.NeedRoot(t)
	n := neighbours(t)
	var open, shut *testDoor
	n.Host.Do(func() {
		backend := testkit.EchoServer(t)
		open = configured(t, forwarding(backend.Port(), ""))
		shut = configured(t, forwarding(backend.Port(), "[sshd]"))
	})
	client := testkit.SSHD(t, n.Host, n.Host4, "root")
	toOpen, toShut := testkit.FreePort(t), testkit.FreePort(t)
	tunnels := []string{"-N", "-L", fmt.Sprintf("127.0.0.1:%d:%s", toOpen, open.addr()),
		"-L", fmt.Sprintf("127.0.0.1:%d:%s", toShut, shut.addr())}
	testkit.Start(t, n.Remote.Command("ssh", append(tunnels, client...)...))
	var came [2]net.Conn
	n.Remote.Do(func() {
		for i := range came {
			var answered bool
			if came[i], answered = through(t, toOpen); !answered {
				t.Error("nobody answers through the tunnel")
			}
			if _, answered := through(t, toShut); answered {
				t.Error("what a rule refuses is answered")
			}
		}
	})
	for _, r := range open.carried("sshd", 2) {
		if f := r.Origin.Forwarder; f.Zone != flow.ZoneLAN || f.Far.Addr() != n.Remote4 {
			t.Errorf("the far end of %+v is not %s", f, n.Remote4)
		}
	}
	shut.turnedAway("sshd", 2)
	for _, c := range came {
		_ = c.Close() // so that the door need not wait for them
	}
	open.settle()
	shut.settle()
	alerts, connections := 0, uint64(0)
	for _, a := range open.carriedAlerts() {
		if !a.Repeat { // which says at the end how many there were
			alerts++
		}
		if a.Severity != flow.SeverityCritical || a.Forwarder != "sshd" || a.Sample[0].Addr() != n.Remote4 {
			t.Errorf("%+v", a)
		}
		connections = a.Count
	}
	if alerts != 1 || connections != 2 {
		t.Errorf("%d alerts of one forwarder, of %d connections", alerts, connections)
	}
	if got := shut.carriedAlerts(); len(got) != 0 {
		t.Errorf("an alert of who was not let in: %+v", got[0])
	}
}
