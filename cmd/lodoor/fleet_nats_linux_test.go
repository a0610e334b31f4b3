package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/export"
	"github.com/lodoor/lodoor/proxy/flow"
)

// fleetNATS is a nats-server with JetStream that keeps its port and its stream when it is started again.
type fleetNATS struct {
	*testkit.Child
	t    *testing.T
	port int
	dir  string
}

func startFleetNATS(t *testing.T) *fleetNATS {
	t.Helper()
	s := &fleetNATS{t: t, port: testkit.FreePort(t), dir: t.TempDir()}
	s.start()
	return s
}

func (s *fleetNATS) start() {
	s.t.Helper()
	s.Child = testkit.Start(s.t, exec.Command(testkit.Program(s.t, "nats-server"), "-js", "-sd", s.dir,
		"-a", "127.0.0.1", "-p", fmt.Sprint(s.port)))
	testkit.Wait(s.t, "nats-server", func() bool {
		if s.Exited() {
			s.t.Fatalf("nats-server ended: %s", s.Stderr())
		}
		return strings.Contains(s.Stderr(), "Server is ready")
	}, fleetWait)
}

func (s *fleetNATS) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", s.port) }

// section is the part of a configuration that sends records here.
func (s *fleetNATS) section() string {
	return fmt.Sprintf("export: {nats: {servers: [%q], create: true}}", s.url())
}

func (s *fleetNATS) client() jetstream.JetStream {
	s.t.Helper()
	conn, err := nats.Connect(s.url())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	return js
}

// fleetRecord is a record of the stream.
type fleetRecord struct {
	id   flow.Identity
	line string
}

// read returns what the stream has, by journal and in order.
func (s *fleetNATS) read() map[string][]fleetRecord {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), fleetWait)
	defer cancel()
	stream, err := s.client().Stream(ctx, "LODOOR")
	if err != nil {
		s.t.Fatal(err)
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		s.t.Fatal(err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		s.t.Fatal(err)
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	all := map[string][]fleetRecord{}
	for left := stream.CachedInfo().State.Msgs; left > 0; left-- {
		m, err := messages.Next()
		if err != nil {
			s.t.Fatalf("read the stream, %d messages before its end: %v", left, err)
		}
		r := wrapped(s.t, m.Data())
		if m.Subject() != "lodoor.records."+r.id.Journal || m.Headers().Get(nats.MsgIdHdr) != export.ID(r.id) {
			s.t.Fatalf("record %v is on %s with %v", r.id, m.Subject(), m.Headers())
		}
		all[r.id.Journal] = append(all[r.id.Journal], r)
	}
	return all
}

// wrapped takes a record apart as it leaves a machine. It wants it to say where it comes from.
func wrapped(t *testing.T, text []byte) fleetRecord {
	t.Helper()
	var payload struct {
		Resource struct {
			Host    struct{ Name, ID string }
			Service struct{ Name, Version string }
		}
		Journal struct{ ID, Epoch string }
		Record  json.RawMessage
	}
	var record struct{ Seq uint64 }
	if err := json.Unmarshal(text, &payload); err != nil {
		t.Fatalf("message %s: %v", text, err)
	}
	if err := json.Unmarshal(payload.Record, &record); err != nil {
		t.Fatalf("record %s: %v", payload.Record, err)
	}
	if from := payload.Resource; from.Host.Name == "" || from.Service.Name != "lodoor" || from.Service.Version == "" {
		t.Fatalf("record %d comes from %+v", record.Seq, from)
	}
	return fleetRecord{
		id:   flow.Identity{Journal: payload.Journal.ID, Epoch: payload.Journal.Epoch, Seq: record.Seq},
		line: string(payload.Record),
	}
}

// TestFleetNATS cuts two doors off from the stream that both write into, for longer than its duplicate window. In the
// end the stream has every record of both journals exactly once and in order.
func TestFleetNATS(t *testing.T) {
	const window = 200 * time.Millisecond
	s := startFleetNATS(t)
	if _, err := s.client().CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "LODOOR", Subjects: []string{"lodoor.records.*"}, Duplicates: window,
	}); err != nil {
		t.Fatal(err)
	}
	doors := []*fleetDoor{openFleetDoor(t, "", s.section()), openFleetDoor(t, "", s.section())}
	each := func(f func(d *fleetDoor)) {
		for _, d := range doors {
			f(d)
		}
	}
	each(func(d *fleetDoor) { d.visit(soak(50, 2000)) })
	each(func(d *fleetDoor) { d.delivers("nats") })
	s.Kill()
	each(func(d *fleetDoor) { d.visit(soak(50, 2000)) })
	each(func(d *fleetDoor) { d.lags("nats", 2*window) })
	s.start()
	each(func(d *fleetDoor) { d.catchesUp("nats") })
	each(func(d *fleetDoor) { d.visit(10) })
	journals := map[string]bool{}
	for _, d := range doors {
		want := d.end()
		id := want[0].Identity.Journal
		journals[id] = true
		var lines []string
		for _, r := range s.read()[id] {
			lines = append(lines, r.line)
		}
		sameAsJournal(t, "the stream", lines, want)
	}
	if got := s.read(); len(got) != len(doors) || len(journals) != len(doors) {
		t.Errorf("the stream has %d journals", len(got))
	}
}

// TestFleetNATSKill kills a door that promises nothing again and again, amid clients, and takes what a machine might
// have lost off the journal's end. No two different records share an identity, in the stream and in the journal; none is
// in the stream twice; all that the journal has is there.
func TestFleetNATSKill(t *testing.T) {
	s := startFleetNATS(t)
	d := openFleetDoor(t, ", durability: none", s.section())
	for round := range soak(5, 50) {
		if round > 0 {
			d.again()
		}
		if round%2 == 0 {
			d.delivers("nats")
			d.killAmidClients()
			continue
		}
		d.visit(1 + rand.IntN(20))
		d.catchesUp("nats") // so that the stream has what the journal loses
		d.Kill()
		tearJournal(t, d.dir, 100+rand.Int64N(8<<10))
	}
	d.again()
	d.catchesUp("nats")
	if code := d.Stop(); code != exitOK {
		t.Errorf("lodoor ended with %d: %s", code, d.Stderr())
	}
	want := d.whole()
	seen := map[flow.Identity]string{}
	for _, r := range s.read()[want[0].Identity.Journal] {
		if _, twice := seen[r.id]; twice {
			t.Errorf("%v is in the stream twice", r.id)
		}
		seen[r.id] = r.line
	}
	for _, e := range want {
		if line, there := seen[e.Identity]; !there || line != string(e.Line) {
			t.Fatalf("record %v is\n%s in the journal, and\n%s in the stream (%t)", e.Identity, e.Line, line, there)
		}
	}
	if len(seen) == len(want) {
		t.Error("the journal has lost nothing that the stream has: nothing was tried")
	}
	t.Logf("of %d records in the stream the journal has lost %d", len(seen), len(seen)-len(want))
}

// killAmidClients kills the door at some moment of its clients' coming and going.
func (d *fleetDoor) killAmidClients() {
	stormed := make(chan struct{})
	go func() {
		defer close(stormed)
		storm(d.addr(), 10_000)
	}()
	<-time.After(rand.N(200 * time.Millisecond)) // any moment is as good
	d.Kill()
	<-stormed
}

// tearJournal takes bytes off the end of a journal, as a machine does that goes down.
func tearJournal(t *testing.T, dir string, bytes int64) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "journal-*.jsonl"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	last := segments[len(segments)-1]
	info, err := os.Stat(last)
	if err != nil {
		t.Fatal(err)
	}
	// The first record stays: without it the segment would be none.
	if err := os.Truncate(last, max(info.Size()-bytes, min(info.Size(), 1000))); err != nil {
		t.Fatal(err)
	}
}
