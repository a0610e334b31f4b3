package main

import (
	"strings"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// With source: wire the kernel's own packets are recorded, here those of a network of the test's own.
func TestRecordWire(t *testing.T) {
	ns := testkit.NewNetns(t)
	var d *recordingDoor
	var closes []flow.Record
	ns.Do(func() {
		redis := testkit.Redis(t)
		d = openRecordingDoor(t, redis.Port, "resp", "source: wire, redact: {authentication: false}")
		d.set("planted")
		testkit.Run(t, "redis-benchmark", "-p", d.portText(), "-t", "set", "-c", "3", "-P", "16", "-n", "1000", "-q")
		closes = d.settle()
	})
	files := d.files()
	if len(files) != 1 {
		t.Fatalf("recordings %v:\n%s", files, d.Stderr())
	}
	d.unsummed = true
	recorded := d.sum(files...)
	for _, r := range closes {
		o := r.Outcome
		if o.Tapped {
			t.Errorf("session %s was read along", r.Session)
		}
		for c, leg := range map[connection]string{{front, r.Peer.Addr.Port()}: "front", {back, o.Leg.Port()}: "back"} {
			if got := recorded[c]; got != (sums{o.FromClient, o.FromBackend, o.FromClient + o.FromBackend, 0}) {
				t.Errorf("session %s, %s: recorded %+v, the close record has %d and %d", r.Session, leg, got, o.FromClient, o.FromBackend)
			}
		}
	}
	if n := d.asks(files[0], "planted"); n != 1 {
		t.Errorf("%d requests set the key", n)
	}
	comments := d.tshark(files[0], "-Y", "frame.comment", "-T", "fields", "-e", "frame.comment")
	for _, r := range closes {
		if !strings.Contains(comments, "session="+r.Session.String()) {
			t.Errorf("session %s has no comment", r.Session)
		}
	}
}
