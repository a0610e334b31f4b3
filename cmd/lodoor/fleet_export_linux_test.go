package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// fleetRsyslog is a real rsyslogd that takes TCP and writes the messages to a file. It keeps both when it is started
// again.
type fleetRsyslog struct {
	*testkit.Child
	t    *testing.T
	port int
	dir  string
}

func startFleetRsyslog(t *testing.T) *fleetRsyslog {
	t.Helper()
	s := &fleetRsyslog{t: t, port: testkit.FreePort(t), dir: t.TempDir()}
	text := fmt.Sprintf(`global(workDirectory=%q maxMessageSize="64k")
module(load="imtcp")
template(name="seen" type="string" string="%%msg%%\n")
ruleset(name="all") { action(type="omfile" file=%q template="seen" asyncWriting="off" flushOnTXEnd="on") }
input(type="imtcp" address="127.0.0.1" port="%d" ruleset="all")
`, s.dir, s.out(), s.port)
	if err := os.WriteFile(s.config(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	return s
}

func (s *fleetRsyslog) config() string { return filepath.Join(s.dir, "rsyslog.conf") }
func (s *fleetRsyslog) out() string    { return filepath.Join(s.dir, "out") }

func (s *fleetRsyslog) start() {
	s.t.Helper()
	s.Child = testkit.Start(s.t, exec.Command(testkit.Program(s.t, "rsyslogd"), "-n", "-f", s.config(), "-i",
		filepath.Join(s.dir, "pid")))
	testkit.Wait(s.t, "rsyslogd", func() bool {
		if s.Exited() {
			s.t.Fatalf("rsyslogd ended: %s", s.Stderr())
		}
		conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", s.port))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, fleetWait)
}

// lines are the records that it has written. What lodoor cannot know to have arrived it sends twice.
func (s *fleetRsyslog) lines() []string {
	s.t.Helper()
	text, err := os.ReadFile(s.out())
	if err != nil {
		s.t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "\n") {
			break // it is being written
		}
		list = append(list, wrapped(s.t, []byte(strings.TrimLeft(line, " \ufeff"))).line)
	}
	return list
}

// fleetCollector takes OTLP logs over HTTP. It keeps its address when it is away for a time.
type fleetCollector struct {
	t       *testing.T
	address string
	server  *http.Server
	served  chan error

	mu   sync.Mutex
	list []string
}

func startFleetCollector(t *testing.T) *fleetCollector {
	t.Helper()
	c := &fleetCollector{t: t, address: fmt.Sprint("127.0.0.1:", testkit.FreePort(t))}
	c.start()
	t.Cleanup(c.leave)
	return c
}

func (c *fleetCollector) start() {
	c.t.Helper()
	l, err := net.Listen("tcp", c.address)
	if err != nil {
		c.t.Fatal(err)
	}
	c.server, c.served = &http.Server{Handler: c}, make(chan error, 1)
	go func() { c.served <- c.server.Serve(l) }()
}

func (c *fleetCollector) leave() {
	_ = c.server.Close()
	if err := <-c.served; !errors.Is(err, http.ErrServerClosed) {
		c.t.Errorf("the collector ended: %v", err)
	}
}

// ServeHTTP keeps the records of a request.
func (c *fleetCollector) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var said collector.ExportLogsServiceRequest
	body, err := gzip.NewReader(r.Body)
	if err == nil {
		var text []byte
		if text, err = io.ReadAll(body); err == nil {
			err = proto.Unmarshal(text, &said)
		}
	}
	if err != nil || r.URL.Path != "/v1/logs" {
		c.t.Errorf("request of %s: %v", r.URL, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range said.GetResourceLogs() {
		for _, scope := range resource.GetScopeLogs() {
			for _, record := range scope.GetLogRecords() {
				c.list = append(c.list, record.GetBody().GetStringValue())
			}
		}
	}
}

func (c *fleetCollector) lines() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list)
}

// TestFleetExports has a real rsyslogd and an OTLP collector that are both away for a time. In the end they have got
// everything that is in the journal, and so has the history in SQLite. In the long form they are away until the alert
// that tells of it, and it is over when they are back.
func TestFleetExports(t *testing.T) {
	syslog, otlp := startFleetRsyslog(t), startFleetCollector(t)
	d := openFleetDoor(t, "", fmt.Sprintf(
		"export: {syslog: {address: \"tcp://127.0.0.1:%d\"}, otlp: {endpoint: \"http://%s\", metrics: false}}",
		syslog.port, otlp.address))
	d.visit(soak(50, 2000))
	d.delivers("syslog")
	d.delivers("otlp")
	syslog.Kill()
	otlp.leave()
	d.visit(soak(50, 2000))
	d.lags("syslog", 0)
	d.lags("otlp", 0)
	if soak(false, true) {
		d.tells("sink_lag", false, "syslog", "otlp")
	}
	syslog.start()
	otlp.start()
	d.catchesUp("syslog")
	d.catchesUp("otlp")
	if soak(false, true) {
		d.tells("sink_lag", true, "syslog", "otlp")
	}
	d.visit(10)
	want := d.end()
	sameAsJournal(t, "the collector", firstOfEach(otlp.lines()), want)
	sameAsJournal(t, "the history", linesOfHistory(t, d.dir), want)
	testkit.Wait(t, "rsyslogd to write", func() bool { return len(firstOfEach(syslog.lines())) >= len(want) }, fleetWait)
	sameAsJournal(t, "rsyslogd", firstOfEach(syslog.lines()), want)
}

// tells waits until the journal has alerts of a condition, or their resolutions, about each of the sinks.
func (d *fleetDoor) tells(condition string, resolved bool, sinks ...string) {
	d.t.Helper()
	testkit.Wait(d.t, "alerts "+condition, func() bool {
		told := map[string]bool{}
		for _, r := range d.records(flow.EventAlert) {
			if a := r.Alert; a.Condition == condition && a.Resolved == resolved && len(a.By) == 1 {
				told[a.By[0].Value] = true
			}
		}
		return !slices.ContainsFunc(sinks, func(s string) bool { return !told[s] })
	}, 2*fleetWait)
}

// firstOfEach leaves out what comes again.
func firstOfEach(list []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(line string) bool {
		again := seen[line]
		seen[line] = true
		return again
	})
}
