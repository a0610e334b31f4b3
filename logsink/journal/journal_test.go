package journal

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lodoor/lodoor/proxy/flow"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashChildDir); dir != "" {
		crashChild(dir)
	}
	goleak.VerifyTestMain(m)
}

// small are settings that keep retention out of a test.
func small(dir string) Config {
	return Config{Settings: Settings{Dir: dir, KeepFree: 1}, Version: "test"}
}

// running opens a journal and runs it until stop, which the test's end calls too.
func running(t testing.TB, c Config) (j *Journal, stop func() error) {
	t.Helper()
	return runningOn(t, c, openOS)
}

func runningOn(t testing.TB, c Config, files opener) (j *Journal, stop func() error) {
	t.Helper()
	j, err := open(c, files)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return j, stop
}

// appendWait appends and waits for the answer.
func appendWait(j *Journal, r flow.Record) (flow.Identity, error) {
	type answer struct {
		id  flow.Identity
		err error
	}
	answers := make(chan answer, 1)
	j.Append(r, func(id flow.Identity, err error) { answers <- answer{id, err} })
	a := <-answers
	return a.id, a.err
}

func mustAppend(t testing.TB, j *Journal, r flow.Record) flow.Identity {
	t.Helper()
	id, err := appendWait(j, r)
	if err != nil {
		t.Fatalf("append %s: %v", r.Event, err)
	}
	return id
}

func opened(id flow.SessionID) flow.Record {
	return flow.Record{
		Time: time.Now(), Event: flow.EventSessionOpen, Service: "pg", Session: id,
		Peer: &flow.Peer{
			Addr: netip.MustParseAddrPort("127.0.0.1:51234"), Front: netip.MustParseAddrPort("127.0.0.1:62893"),
			Zone: flow.ZoneLoopback, Interface: "lo", Proof: flow.ProofIngress,
		},
		Origin:  &flow.Origin{Attribution: flow.AttributionLiveSocket, UID: 1000, User: "ada", PID: 4242, Program: "psql"},
		Backend: &flow.Endpoint{Host: "127.0.0.1", Port: 5432},
		Verdict: &flow.Verdict{Action: flow.Allow, Rule: "builtin.local"},
	}
}

func closed(id flow.SessionID) flow.Record {
	r := opened(id)
	r.Event, r.Verdict = flow.EventSessionClose, nil
	r.Outcome = &flow.Outcome{
		Known: true, FromClient: 120, FromBackend: 4096, Duration: 3 * time.Second, Dial: 80 * time.Microsecond,
		FirstByte: time.Millisecond, Lane: "copy", Leg: netip.MustParseAddrPort("127.0.0.1:40404"),
		Server: netip.MustParseAddrPort("127.0.0.1:5432"), End: flow.EndFIN, EndedBy: flow.SideClient,
	}
	return r
}

// session writes a whole session.
func session(t testing.TB, j *Journal) {
	t.Helper()
	id := flow.NewSessionID()
	mustAppend(t, j, opened(id))
	mustAppend(t, j, closed(id))
}

// content fails the test unless Verify finds nothing wrong.
func content(t testing.TB, dir string) *Report {
	t.Helper()
	r, err := Verify(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.Problem != nil {
		t.Fatalf("verify: %v", r.Problem)
	}
	return r
}

// entries reads a journal that has no line that cannot be read.
func entries(t testing.TB, dir string) []Entry {
	t.Helper()
	var list []Entry
	for e, err := range Read(dir, From{}) {
		if err != nil {
			t.Fatal(err)
		}
		e.Line = append([]byte(nil), e.Line...)
		list = append(list, e)
	}
	return list
}

func events(list []Entry) string {
	var words []string
	for i := range list {
		words = append(words, list[i].Record.Event.String())
	}
	return strings.Join(words, " ")
}

func TestAppendReadVerify(t *testing.T) {
	for _, d := range []Durability{DurabilityProcess, DurabilityDisk} {
		t.Run(d.String(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "journal")
			c := small(dir)
			c.Settings.Durability = d
			j, stop := running(t, c)
			id := flow.NewSessionID()
			first := mustAppend(t, j, opened(id))
			second := mustAppend(t, j, closed(id))
			if first.Seq != 2 || second.Seq != 3 || first.Epoch != second.Epoch || first.Journal != j.ID() {
				t.Errorf("identities %v, %v of journal %s", first, second, j.ID())
			}
			r := content(t, dir)
			if !r.Running || r.Writer != os.Getpid() && r.Writer != 0 {
				t.Errorf("while it runs: running %v, writer %d", r.Running, r.Writer)
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			r = content(t, dir)
			if r.Records != 4 || r.Opens != 1 || r.Closes != 1 || r.ID != j.ID() || r.Running {
				t.Errorf("report %+v", r)
			}
			list := entries(t, dir)
			if got := events(list); got != "journal.start session.open session.close journal.stop" {
				t.Errorf("events: %s", got)
			}
			if list[1].Identity != first {
				t.Errorf("read identity %v, was told %v", list[1].Identity, first)
			}
			if s := j.Stats(); s.Written != 4 || s.Dropped != 0 || s.LastError != nil || s.Bytes == 0 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

func TestReopenGoesOn(t *testing.T) {
	dir := t.TempDir()
	var id string
	for run := range 3 {
		j, stop := running(t, small(dir))
		if run > 0 && j.ID() != id {
			t.Fatalf("run %d has journal %s, the one before had %s", run, j.ID(), id)
		}
		id = j.ID()
		session(t, j)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	r := content(t, dir)
	if r.Records != 12 || r.Segments != 1 {
		t.Errorf("report %+v", r)
	}
	epochs := map[string]bool{}
	for _, e := range entries(t, dir) {
		epochs[e.Identity.Epoch] = true
	}
	if len(epochs) != 3 {
		t.Errorf("%d epochs in 3 runs", len(epochs))
	}
}

func TestAfterTheEnd(t *testing.T) {
	j, stop := running(t, small(t.TempDir()))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := appendWait(j, opened(flow.NewSessionID())); !errors.Is(err, ErrClosed) {
		t.Errorf("append after the end: %v", err)
	}
	if s := j.Stats(); s.Dropped != 1 {
		t.Errorf("stats %+v", s)
	}
}
