package export

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// TestNATSStreams: what a stream must be, and what is said when it is not.
func TestNATSStreams(t *testing.T) {
	s := startNATS(t, "")
	for _, tc := range []struct {
		name   string
		stream *jetstream.StreamConfig // nil is none
		change func(*NATSSettings)
		want   string
	}{
		{"missing", nil, func(s *NATSSettings) { s.Create = false },
			"create: true, or a stream made with: nats stream add LODOOR --subjects 'lodoor.records.*'"},
		{"work queue", &jetstream.StreamConfig{Retention: jetstream.WorkQueuePolicy}, nil, "retention is workqueue: expected"},
		{"no ack", &jetstream.StreamConfig{NoAck: true}, nil, "no_ack"},
		{"tiny", &jetstream.StreamConfig{MaxMsgSize: 1024}, nil, "at most 1024 bytes: expected"},
		{"other subjects", &jetstream.StreamConfig{Subjects: []string{"other.*"}}, nil,
			"no stream takes subject lodoor.records.1111"},
		{"good", &jetstream.StreamConfig{}, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.stream != nil {
				s.stream(*tc.stream)
				defer func() { _ = s.client().DeleteStream(t.Context(), defaultNATSStream) }()
			}
			settings := s.settings()
			if tc.change != nil {
				tc.change(&settings)
			}
			err := natsTry(t, settings)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, expected %q", err, tc.want)
			}
		})
	}
}

// TestNATSCreate makes a stream that does not grow for ever.
func TestNATSCreate(t *testing.T) {
	s := startNATS(t, "")
	if err := natsTry(t, s.settings()); err != nil {
		t.Fatal(err)
	}
	stream, err := s.client().Stream(t.Context(), defaultNATSStream)
	if err != nil {
		t.Fatal(err)
	}
	c := stream.CachedInfo().Config
	if c.MaxAge != natsMaxAge || c.MaxBytes != natsMaxBytes || c.Storage != jetstream.FileStorage || c.Subjects[0] != "lodoor.records.*" {
		t.Errorf("made %+v", c)
	}
}

func TestNATSWithoutJetStream(t *testing.T) {
	s := startNATS(t, "")
	s.write("nats.conf", "listen: \""+strings.TrimPrefix(s.url(), "nats://")+"\"\n")
	s.restart()
	if err := natsTry(t, s.settings()); err == nil || !strings.Contains(err.Error(), "JetStream does not answer") {
		t.Error(err)
	}
}

// TestNATSFull: a stream that takes no more refuses the rest of a window; when it has room again, all goes on.
func TestNATSFull(t *testing.T) {
	s := startNATS(t, "")
	c := jetstream.StreamConfig{Name: defaultNATSStream, Subjects: []string{"lodoor.records.*"}, Discard: jetstream.DiscardNew,
		MaxMsgs: 41}
	s.stream(c)
	entries := natsMade("1", 1, 1, 100)
	n := newTestNATS(t, s.settings())
	if _, err := n.Resume(t.Context(), entries[0].Identity.Journal); err != nil {
		t.Fatal(err)
	}
	taken, err := n.Deliver(t.Context(), entries)
	if taken != 41 || err == nil || !strings.Contains(err.Error(), "maximum messages exceeded") {
		t.Errorf("%d taken, %v", taken, err)
	}
	c.MaxMsgs = -1
	if _, err := s.client().UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := natsDrive(t.Context(), n, entries); err != nil {
		t.Fatal(err)
	}
	checkNATSOrder(t, s.read()[entries[0].Identity.Journal], entries)
}

// TestNATSSomebodyElse publishes to the journal's subject.
func TestNATSSomebodyElse(t *testing.T) {
	s := startNATS(t, "")
	s.stream(jetstream.StreamConfig{})
	entries := natsMade("1", 1, 1, 4)
	n := newTestNATS(t, s.settings())
	id := entries[0].Identity.Journal
	if got, err := n.Resume(t.Context(), id); err != nil || got != (flow.Identity{}) {
		t.Fatal(got, err)
	}
	if _, err := n.Deliver(t.Context(), entries[:2]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.client().Publish(t.Context(), "lodoor.records."+id, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if taken, err := n.Deliver(t.Context(), entries[2:]); taken != 0 || !errors.Is(err, errNATSMoved) {
		t.Errorf("%d taken, %v", taken, err)
	}
	if taken, err := n.Deliver(t.Context(), entries[2:]); taken != 0 || !errors.Is(err, errNATSUnresumed) {
		t.Errorf("%d taken, %v", taken, err)
	}
	if _, err := n.Resume(t.Context(), id); err == nil || !strings.Contains(err.Error(), "somebody else publishes there") {
		t.Error(err)
	}
}

// TestNATSTooLarge: a record that the server would never take is told, and does not hold up the others.
func TestNATSTooLarge(t *testing.T) {
	s := startNATS(t, "max_payload: 8192")
	entries := natsMade("1", 1, 1, 5)
	large := &entries[2]
	large.Line = append(bytes.Repeat([]byte{' '}, 9000), large.Line...)
	large.Line = append(large.Line[:len(large.Line)-1], `,"chain":"00ff"}`...)
	var told []error
	n, err := NewNATS(NATSConfig{Settings: s.settings(), From: natsFrom(), Warn: func(err error) { told = append(told, err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	if err := natsDrive(t.Context(), n, entries); err != nil {
		t.Fatal(err)
	}
	got := s.read()[entries[0].Identity.Journal]
	checkNATSOrder(t, got, entries)
	if want := `"too_large":{"bytes":` + got[2].header.Get("Lodoor-Too-Large") + `,"limit":8192},"chain":"00ff"}`; !strings.HasSuffix(
		got[2].record, want) {
		t.Errorf("got %s, expected %s", got[2].record, want)
	}
	if len(told) != 1 || !strings.Contains(told[0].Error(), ID(large.Identity)) {
		t.Error(told)
	}
}

// TestNATSEnd: nothing holds up the feed's end, neither a server that says nothing nor one that does not answer.
func TestNATSEnd(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	settings := NATSSettings{Servers: []string{"nats://" + silent.Addr().String()}, Timeout: time.Hour}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := newTestNATS(t, settings).Resume(ctx, "1")
		ended <- err
	}()
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}

	s := startNATS(t, "")
	p := startNATSProxy(t, s, nil)
	settings = s.settings()
	settings.Servers, settings.Timeout = []string{p.url()}, time.Hour
	n := newTestNATS(t, settings)
	entries := natsMade("1", 1, 1, 2)
	if _, err := n.Resume(t.Context(), entries[0].Identity.Journal); err != nil {
		t.Fatal(err)
	}
	p.last().hold(true)
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	go func() {
		_, err := n.Deliver(ctx, entries)
		ended <- err
	}()
	natsKept(t, p.last(), 100)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestNATSReplicated: of a stream with replicas one message at a time is on its way.
func TestNATSReplicated(t *testing.T) {
	s := startNATS(t, "")
	n := newTestNATS(t, s.settings())
	if _, err := n.Resume(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	if err := n.link.use(jetstream.StreamConfig{Replicas: 3}); err != nil || n.link.widest != 1 {
		t.Error(n.link.widest, err)
	}
	if _, err := n.link.deliver(t.Context(), []journal.Entry{{Identity: flow.Identity{Journal: "2", Seq: 1}}}, n.message); err == nil {
		t.Error("a record of another journal was published")
	}
}
