package export

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

func testSnapshot() Snapshot {
	return Snapshot{
		Services: []ServiceCounts{{
			Name: "pg", Open: 3, Opened: 10, Refused: map[flow.Cause]uint64{flow.CauseRule: 4, flow.CauseNonLocal: 5},
			FromClient: 100, FromBackend: 200,
		}},
		Written: 20, Dropped: 1,
		Feeds:      []journal.FeedStats{{Name: "otlp", Delivered: 7, Skipped: 2, Behind: 13, Lag: 1500 * time.Millisecond}},
		Operations: OperationCounts{Read: 30, Recorded: 8, Dropped: 6},
	}
}

// exportOnce runs metrics that end at once: the last export is made all the same.
func exportOnce(t testing.TB, s OTLPSettings) {
	t.Helper()
	m, err := NewMetrics(MetricsConfig{
		Settings: s, From: testFrom(), Read: testSnapshot, Warn: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestMetrics is what a receiver sees of a snapshot.
func TestMetrics(t *testing.T) {
	r := newReceiver(t)
	r.Start()
	exportOnce(t, r.settings())
	list := r.metrics[0].GetResourceMetrics()[0]
	a := attributesOf(list.GetResource().GetAttributes())
	if a["service.name"].GetStringValue() != "lodoor" || a["host.name"].GetStringValue() != "ada.example" {
		t.Errorf("resource %v", a)
	}
	var got []string
	for _, m := range list.GetScopeMetrics()[0].GetMetrics() {
		got = append(got, points(t, m)...)
	}
	slices.Sort(got)
	want := []string{
		"lodoor.bytes By [from_backend pg] 200", "lodoor.bytes By [from_client pg] 100",
		"lodoor.connections.refused {connection} [non_local pg] 5", "lodoor.connections.refused {connection} [pg rule] 4",
		"lodoor.feed.behind {record} [otlp] 13", "lodoor.feed.delivered {record} [otlp] 7", "lodoor.feed.lag s [otlp] 1.5",
		"lodoor.feed.skipped {record} [otlp] 2", "lodoor.journal.records {record} [dropped] 1",
		"lodoor.journal.records {record} [written] 20", "lodoor.operations.dropped {operation} [] 6",
		"lodoor.operations.read {operation} [] 30", "lodoor.operations.recorded {operation} [] 8",
		"lodoor.sessions.open {session} [pg] 3",
		"lodoor.sessions.opened {session} [pg] 10",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// points are a metric's values in words: its name, unit, the values of its attributes, its value.
func points(t testing.TB, m *metrics.Metric) (list []string) {
	t.Helper()
	if s := m.GetSum(); s != nil {
		if s.GetAggregationTemporality() != metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE {
			t.Errorf("%s is %v", m.GetName(), s.GetAggregationTemporality())
		}
		if up := m.GetName() == "lodoor.sessions.open" || m.GetName() == "lodoor.feed.behind"; s.GetIsMonotonic() == up {
			t.Errorf("%s is monotonic: %v", m.GetName(), !up)
		}
	}
	for _, p := range append(m.GetSum().GetDataPoints(), m.GetGauge().GetDataPoints()...) {
		var values []string
		for _, kv := range p.GetAttributes() {
			values = append(values, kv.GetValue().GetStringValue())
		}
		slices.Sort(values)
		value := fmt.Sprint(p.GetAsInt())
		if _, is := p.GetValue().(*metrics.NumberDataPoint_AsDouble); is {
			value = fmt.Sprint(p.GetAsDouble())
		}
		list = append(list, fmt.Sprintf("%s %s %v %s", m.GetName(), m.GetUnit(), values, value))
	}
	return list
}

// TestMetricsTrouble is told once when exports fail, and once when they succeed again.
func TestMetricsTrouble(t *testing.T) {
	r := newReceiver(t)
	r.Start()
	r.answer = func(w http.ResponseWriter, _ *http.Request, _ []string) bool {
		if r.requests <= 2 {
			w.WriteHeader(http.StatusInternalServerError)
		}
		return r.requests <= 2
	}
	var told []error
	m, err := NewMetrics(MetricsConfig{
		Settings: r.settings(), From: testFrom(), Read: testSnapshot, Warn: func(err error) { told = append(told, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		m.export(context.Background())
	}
	m.courier.close()
	if len(told) != 2 || told[0] == nil || told[1] != nil || len(r.metrics) != 2 {
		t.Errorf("told %v, %d exports", told, len(r.metrics))
	}
}

// TestMetricsInterval counts the snapshots that are taken in an hour, without a receiver.
func TestMetricsInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads int
		m, err := NewMetrics(MetricsConfig{
			Settings: OTLPSettings{Endpoint: "http://127.0.0.1:1"}, From: testFrom(),
			Read: func() Snapshot { reads++; return testSnapshot() },
		})
		if err != nil {
			t.Fatal(err)
		}
		m.courier.transport.DialContext = nobody
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour-time.Second)
		defer cancel()
		if err := m.Run(ctx); err != nil || reads != 60 {
			t.Errorf("%d snapshots, %v", reads, err)
		}
	})
}

// TestMetricsEnd has a receiver that does not answer: the last export is given up.
func TestMetricsEnd(t *testing.T) {
	r := newReceiver(t)
	r.Start()
	release := make(chan struct{})
	defer close(release)
	r.answer = func(http.ResponseWriter, *http.Request, []string) bool { <-release; return true }
	m, err := NewMetrics(MetricsConfig{Settings: r.settings(), From: testFrom(), Read: testSnapshot})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	testkit.Wait(t, "the end", func() bool { return len(done) == 1 }, longWait)
}

func nobody(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("nobody there")
}

func TestMetricsConfig(t *testing.T) {
	if _, err := NewMetrics(MetricsConfig{Settings: OTLPSettings{Endpoint: "http://127.0.0.1:1"}}); err == nil {
		t.Error("no function to read, and no error")
	}
	if _, err := NewMetrics(MetricsConfig{Read: testSnapshot}); err == nil {
		t.Error("no endpoint, and no error")
	}
}
