package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// floodConfig refuses 127.9.0.0/16, and alerts again after a second. A refused connection's record is some 500 bytes, so
// that a segment has room for some 30 before they are told together.
const floodConfig = `
services:
- {name: svc, listen: PORT, backend: %d}
rules:
- {name: strangers, action: deny, cidrs: [127.9.0.0/16]}
alerts: {repeat: 1s}
journal: {rotate_size: 64KiB, max_size: 8MiB}
`

// Refused connections, from one address and from many, are one alert, and then a repeat with the count; the journal
// accounts for each connection and hardly grows, memory stays, and status says the same.
func TestFlood(t *testing.T) {
	for _, tc := range []struct {
		name        string
		connections int
		addresses   int
	}{
		{"one address", soak(5000, 100_000), 1},
		{"many addresses", soak(5000, 100_000), soak(500, 10_000)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := flooded(t)
			before := vitalsOf(t, d.PID())
			begun := time.Now()
			opened := flood(t, d.addr(), tc.connections, tc.addresses)
			took := time.Since(begun)
			d.awaitRefused(uint64(tc.connections))
			told := d.awaitToldOf(uint64(tc.connections))
			after := vitalsOf(t, d.PID())
			d.agrees(opened, uint64(tc.connections))
			d.settle()

			d.oneGroup(told, took)
			refused, records := d.refusedConnections()
			if refused != uint64(tc.connections) || uint64(len(d.records(flow.EventSessionOpen))) != opened {
				t.Errorf("%d connections were refused and %d let in; the journal has %d and %d", tc.connections, opened,
					refused, len(d.records(flow.EventSessionOpen)))
			}
			size := d.journalSize()
			t.Logf("%d connections in %v: %d records of them, %d alerts, a journal of %d bytes; memory %d KB, before %d",
				tc.connections, took.Round(time.Millisecond), records, len(told), size, after.kilobytes, before.kilobytes)
			d.bounded(size, records, took)
			if grown := after.kilobytes - before.kilobytes; grown > 32<<10 {
				t.Errorf("memory has grown by %d KB", grown)
			}
		})
	}
}

// flooded is a door that refuses 127.9.0.0/16. Figures of memory are without the race detector.
func flooded(t *testing.T) *testDoor {
	t.Helper()
	backend := testkit.EchoServer(t)
	home := testkit.NewPlainHome(t)
	d := &testDoor{t: t, port: testkit.FreePort(t), dir: filepath.Join(t.TempDir(), "journal")}
	file := filepath.Join(home.Dir(), "door.yaml")
	text := strings.ReplaceAll(fmt.Sprintf(floodConfig, backend.Port()), "PORT", d.portText())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Door = home.Start("--config", file, "--journal", d.dir)
	return d
}

// flood connects from so many addresses in 127.9.0.0/16, each time until the door resets, and every thousandth time from
// an address that is let in, and once more at the end. It returns how many were.
func flood(t *testing.T, addr string, connections, addresses int) (opened uint64) {
	t.Helper()
	var next atomic.Int64
	var let atomic.Uint64
	var clients sync.WaitGroup
	for range 16 {
		clients.Go(func() {
			for n := int(next.Add(1)); n <= connections && !t.Failed(); n = int(next.Add(1)) {
				if n%1000 == 0 {
					let.Add(1)
					if err := greeted(addr); err != nil {
						t.Errorf("a client that is let in: %v", err)
					}
				}
				from := n % addresses
				if err := refusedFrom(netip.AddrFrom4([4]byte{127, 9, byte(from >> 8), byte(from)}), addr); err != nil {
					t.Errorf("connection %d: %v", n, err)
				}
			}
		})
	}
	clients.Wait()
	if err := greeted(addr); err != nil {
		t.Errorf("after the flood: %v", err)
	}
	return let.Load() + 1
}

// greeted has a session of one byte.
func greeted(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Minute)
	if err != nil {
		return err
	}
	defer c.Close()
	if err = c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if _, err = c.Write([]byte("x")); err != nil {
		return err
	}
	_, err = io.ReadFull(c, make([]byte, 1))
	return err
}

// refusedFrom connects from an address and waits for the reset, which may come before connect has returned.
func refusedFrom(from netip.Addr, addr string) error {
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: time.Minute}
	c, err := dialer.Dial("tcp", addr)
	if err == nil {
		defer c.Close()
		if err = c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			return err
		}
		_, err = c.Read(make([]byte, 1))
	}
	if errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	return fmt.Errorf("from %v: expected a reset: %w", from, err)
}

// refusedConnections is how many connections the journal says were refused, and in how many records.
func (d *testDoor) refusedConnections() (connections uint64, records int) {
	d.t.Helper()
	for _, r := range d.records(flow.EventSessionRefused) {
		connections += max(1, r.Refusal.Count)
		records++
	}
	return connections, records
}

func (d *testDoor) status() control.Status {
	d.t.Helper()
	stdout, stderr, code := d.Run("status", "--dir", d.dir, "--json")
	var s control.Status
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != exitOK {
		d.t.Fatalf("status ended with %d: %v; %s", code, err, stderr)
	}
	return s
}

// awaitRefused waits until the door has counted that many refused connections: a client may see the reset before.
func (d *testDoor) awaitRefused(connections uint64) {
	d.t.Helper()
	testkit.Wait(d.t, "the door to count", func() bool {
		var n uint64
		for _, refused := range d.status().Services[0].Refused {
			n += refused
		}
		return n >= connections
	}, time.Minute)
}

// awaitToldOf waits until an alert tells of that many events; it returns the alerts.
func (d *testDoor) awaitToldOf(events uint64) []flow.Record {
	d.t.Helper()
	var told []flow.Record
	testkit.Wait(d.t, fmt.Sprintf("an alert of %d events", events), func() bool {
		told = d.records(flow.EventAlert)
		return len(told) > 0 && told[len(told)-1].Alert.Count >= events
	}, 2*time.Minute)
	return told
}

// agrees checks what status says.
func (d *testDoor) agrees(opened, refused uint64) {
	d.t.Helper()
	s := d.status().Services[0]
	if s.Opened != opened || len(s.Refused) != 1 || s.Refused["rule"] != refused {
		d.t.Errorf("status says %d sessions and %v; there were %d and %d", s.Opened, s.Refused, opened, refused)
	}
	stdout, _, _ := d.Run("status", "--dir", d.dir)
	if !strings.Contains(stdout, fmt.Sprintf("%d refused: rule %d", refused, refused)) {
		d.t.Errorf("status says %s", stdout)
	}
}

// oneGroup checks that the alerts are one and its repeats: after 1, 2, 4 … seconds, so that a flood of so long has few.
func (d *testDoor) oneGroup(told []flow.Record, took time.Duration) {
	d.t.Helper()
	for i, r := range told {
		a := r.Alert
		if a.ID != told[0].Alert.ID || a.Condition != "denied" || a.Repeat != (i > 0) || a.Count == 0 {
			d.t.Errorf("alert %d: %+v", i, a)
		}
		if i > 0 && a.Count <= told[i-1].Alert.Count {
			d.t.Errorf("alert %d tells of %d events, the one before of %d", i, a.Count, told[i-1].Alert.Count)
		}
	}
	repeats := 2 + bits.Len(uint(told[len(told)-1].Time.Sub(told[0].Time)/time.Second))
	if len(told) < 2 || len(told) > 1+repeats {
		d.t.Errorf("%d alerts of a flood of %v", len(told), took)
	}
}

func (d *testDoor) journalSize() (size int64) {
	d.t.Helper()
	err := filepath.WalkDir(d.dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(e.Name(), ".jsonl") {
			return err
		}
		info, err := e.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return size
}

// bounded checks what a flood costs the journal: what is told one by one is some 20 records a second, of which a segment
// takes a quarter of its size; a minute has one more.
func (d *testDoor) bounded(size int64, records int, took time.Duration) {
	d.t.Helper()
	opens := len(d.records(flow.EventSessionOpen))
	most := int(took/time.Second+2)*21 + 2
	if records > most {
		d.t.Errorf("%d records of refused connections in %v: at most %d are expected", records, took, most)
	}
	if limit := int64(records+3*opens+100) * 1200; size > limit {
		d.t.Errorf("the journal has %d bytes for %d records of refused connections and %d sessions", size, records, opens)
	}
}

// A condition that tells addresses apart has no more than 256 groups, whoever knocks; the rest is one.
func TestFloodOfGroups(t *testing.T) {
	const services, addresses, groups = 16, 30, 256
	backend := testkit.EchoServer(t)
	var text strings.Builder
	text.WriteString("services:\n")
	ports := make([]int, services)
	for i := range ports {
		ports[i] = testkit.FreePort(t)
		fmt.Fprintf(&text, "- {name: svc%d, listen: %d, backend: %d}\n", i, ports[i], backend.Port())
	}
	text.WriteString(`rules:
- {name: strangers, action: deny, cidrs: [127.9.0.0/16]}
alerts:
  repeat: 1h
  conditions:
  - {name: scan, when: 'event == "session.refused"', window: 'count() > 0 in 1m by service, client.address'}
`)
	d := configured(t, text.String())
	for _, port := range ports {
		for n := range addresses {
			if err := refusedFrom(netip.AddrFrom4([4]byte{127, 9, 1, byte(n)}), fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
				t.Fatal(err)
			}
		}
	}
	var active control.Alerts
	testkit.Wait(t, "all events to be counted", func() bool {
		stdout, _, _ := d.Run("alerts", "list", "--dir", d.dir, "--json")
		var events uint64
		active = control.Alerts{}
		if json.Unmarshal([]byte(stdout), &active) != nil {
			return false
		}
		for i := range active.Active {
			events += active.Active[i].Count
		}
		return events == 2*services*addresses // each is denied, and a scan
	}, time.Minute)
	if n := len(active.Active); n != groups+1 {
		t.Errorf("%d groups are active: expected %d, and one for the others", n, groups)
	}
	others := 0
	for i := range active.Active {
		if s := &active.Active[i]; s.Condition == "other" {
			others++
			t.Logf("the others: %d events", s.Count)
		}
	}
	if others != 1 {
		t.Errorf("%d groups of others", others)
	}
	d.settle()
	for _, r := range d.records(flow.EventAlert) {
		if r.Alert.ID == "" {
			t.Errorf("an alert without an id: %+v", r.Alert)
		}
	}
}
