package main

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin"
)

// What programs call themselves does nothing to a terminal, and stays what it is for who reads it.
func TestPortsInJSONAreVisible(t *testing.T) {
	const name = "red\u009b31m\u202e\x7f\x1b[31m\n\U000e0041 grün"
	var b bytes.Buffer
	c := origin.Connection{Local: netip.MustParseAddrPort("127.0.0.1:5432"), State: "LISTEN", Listening: true}
	c.Origin = flow.Origin{
		Attribution: flow.AttributionLiveSocket, PID: 7, Program: name, User: name,
		Process: &flow.Process{CommandLine: name}, Forwarder: &flow.Forwarder{Name: name, Zone: flow.ZoneLAN, Far: netip.MustParseAddrPort("192.0.2.7:22")},
	}
	if err := writePortJSON(&b, []origin.Connection{c, c}); err != nil {
		t.Fatal(err)
	}
	for i, x := range b.Bytes() {
		if (x < ' ' || x > '~') && x != '\n' {
			t.Fatalf("byte %#x at %d of %q", x, i, b.String())
		}
	}
	for _, x := range holderOf(&c.Origin) {
		if x < ' ' || x == '\x7f' || x == '\u009b' || x == '\u202e' {
			t.Errorf("%q has %#x", holderOf(&c.Origin), x)
		}
	}
	lines := bytes.SplitAfter(b.Bytes(), []byte("\n"))
	var u portUse
	if err := json.Unmarshal(lines[0], &u); err != nil || len(lines) != 3 {
		t.Fatalf("%d lines: %v", len(lines), err)
	}
	if u.Program != name || u.User != name || u.CommandLine != name || u.Forwarder != name ||
		*u.ForwarderZone != flow.ZoneLAN || u.ForwarderAddress != "192.0.2.7" {
		t.Errorf("%+v", u)
	}
}
