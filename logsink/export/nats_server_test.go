package export

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// natsWait is how long anything may take on a busy machine.
const natsWait = 60 * time.Second

// natsServer is a nats-server with JetStream that keeps its port and its streams when it is started again.
type natsServer struct {
	t     testing.TB
	child *testkit.Child
	port  int
	dir   string
}

// startNATS starts a server with extra lines in its configuration. It ends with the test.
func startNATS(t testing.TB, extra string) *natsServer {
	t.Helper()
	s := &natsServer{t: t, dir: t.TempDir()}
	for range 3 {
		s.port = testkit.FreePort(t)
		s.write("nats.conf", fmt.Sprintf("listen: \"127.0.0.1:%d\"\njetstream { store_dir: %q, max_file_store: 8GB }\n%s\n",
			s.port, s.dir, extra))
		if s.start() {
			return s
		}
	}
	t.Fatalf("nats-server does not start:\n%s", s.child.Stderr())
	return nil
}

func (s *natsServer) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func (s *natsServer) start() bool {
	s.t.Helper()
	s.child = testkit.Start(s.t, exec.Command(testkit.Program(s.t, "nats-server"), "-c", filepath.Join(s.dir, "nats.conf")))
	ready := func() bool { return strings.Contains(s.child.Stderr(), "Server is ready") }
	testkit.Wait(s.t, "nats-server", func() bool { return ready() || s.child.Exited() }, natsWait)
	return ready() && !s.child.Exited()
}

// restart kills the server, if it still runs, and starts it again.
func (s *natsServer) restart() {
	s.t.Helper()
	s.child.Kill()
	if !s.start() {
		s.t.Fatalf("nats-server does not start again:\n%s", s.child.Stderr())
	}
}

func (s *natsServer) url() string { return "nats://127.0.0.1:" + strconv.Itoa(s.port) }

// settings are those of a destination that makes the stream.
func (s *natsServer) settings() NATSSettings {
	return NATSSettings{Servers: []string{s.url()}, Create: true, Timeout: 10 * time.Second}
}

// client is a connection of the test's own.
func (s *natsServer) client(options ...nats.Option) jetstream.JetStream {
	s.t.Helper()
	conn, err := nats.Connect(s.url(), options...)
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

// stream makes the stream that lodoor finds.
func (s *natsServer) stream(c jetstream.StreamConfig) {
	s.t.Helper()
	if c.Name == "" {
		c.Name = defaultNATSStream
	}
	if c.Subjects == nil {
		c.Subjects = []string{defaultNATSSubject + ".*"}
	}
	if _, err := s.client().CreateStream(context.Background(), c); err != nil {
		s.t.Fatal(err)
	}
}

// natsRecord is a message of the stream, taken apart as somebody does who knows only the documentation.
type natsRecord struct {
	id     flow.Identity
	record string
	sent   string // the whole payload
	header nats.Header
}

// read returns what the stream has, by journal and in order. It fails when a message is not what it says it is.
func (s *natsServer) read(options ...nats.Option) map[string][]natsRecord {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), natsWait)
	defer cancel()
	stream, err := s.client(options...).Stream(ctx, defaultNATSStream)
	if err != nil {
		s.t.Fatal(err)
	}
	left := stream.CachedInfo().State.Msgs
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
	all := map[string][]natsRecord{}
	for ; left > 0; left-- {
		m, err := messages.Next()
		if err != nil {
			s.t.Fatalf("read the stream, %d messages before its end: %v", left, err)
		}
		r := natsTake(s.t, m)
		all[r.id.Journal] = append(all[r.id.Journal], r)
	}
	return all
}

func natsTake(t testing.TB, m jetstream.Msg) natsRecord {
	t.Helper()
	var payload struct {
		Journal struct{ ID, Epoch string }
		Record  json.RawMessage
	}
	var record struct{ Seq uint64 }
	if err := json.Unmarshal(m.Data(), &payload); err != nil {
		t.Fatalf("message %s: %v", m.Data(), err)
	}
	if err := json.Unmarshal(payload.Record, &record); err != nil {
		t.Fatalf("record %s: %v", payload.Record, err)
	}
	r := natsRecord{
		id:     flow.Identity{Journal: payload.Journal.ID, Epoch: payload.Journal.Epoch, Seq: record.Seq},
		record: string(payload.Record), sent: string(m.Data()), header: m.Headers(),
	}
	said, err := natsIdentity(m.Headers())
	if err != nil || said != r.id || m.Headers().Get(nats.MsgIdHdr) != ID(r.id) ||
		m.Subject() != defaultNATSSubject+"."+r.id.Journal {
		t.Fatalf("a message on %s says %+v, %v in its headers %v and %+v in its payload", m.Subject(), said, err, m.Headers(),
			r.id)
	}
	return r
}
