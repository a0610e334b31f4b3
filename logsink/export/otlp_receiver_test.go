package export

import (
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"
)

// receiver is a collector of a test: it decodes what comes, and answers as the test says.
type receiver struct {
	*httptest.Server
	t testing.TB
	// answer, which may be nil, answers instead of the receiver when it says true. It gets the records of a request.
	answer func(w http.ResponseWriter, r *http.Request, ids []string) bool

	mu       sync.Mutex
	requests int
	headers  http.Header // of the last request
	counts   map[string]int
	records  []*logs.LogRecord
	logs     []*collectorlogs.ExportLogsServiceRequest
	metrics  []*collectormetrics.ExportMetricsServiceRequest
}

func newReceiver(t testing.TB) *receiver {
	t.Helper()
	r := &receiver{t: t, counts: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/logs", r.takeLogs)
	mux.HandleFunc("POST /base/v1/logs", r.takeLogs)
	mux.HandleFunc("POST /v1/metrics", r.takeMetrics)
	mux.HandleFunc("/", func(_ http.ResponseWriter, req *http.Request) { t.Errorf("unexpected request of %s", req.URL) })
	r.Server = httptest.NewUnstartedServer(mux)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) body(req *http.Request, into proto.Message) {
	if got := req.Header.Get("Content-Type"); got != "application/x-protobuf" {
		r.t.Errorf("Content-Type is %q", got)
	}
	in := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(req.Body)
		if err != nil {
			r.t.Error(err)
			return
		}
		in = z
	}
	text, err := io.ReadAll(in)
	if err == nil {
		err = proto.Unmarshal(text, into)
	}
	if err != nil {
		r.t.Errorf("body: %v", err)
	}
}

func (r *receiver) takeLogs(w http.ResponseWriter, req *http.Request) {
	var said collectorlogs.ExportLogsServiceRequest
	r.body(req, &said)
	var records []*logs.LogRecord
	var ids []string
	for _, a := range said.GetResourceLogs() {
		for _, b := range a.GetScopeLogs() {
			records = append(records, b.GetLogRecords()...)
		}
	}
	for _, record := range records {
		ids = append(ids, recordID(record))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	r.headers = req.Header.Clone()
	if r.answer != nil && r.answer(w, req, ids) {
		return
	}
	for _, id := range ids {
		r.counts[id]++
	}
	r.records, r.logs = append(r.records, records...), append(r.logs, &said)
}

func (r *receiver) takeMetrics(w http.ResponseWriter, req *http.Request) {
	var said collectormetrics.ExportMetricsServiceRequest
	r.body(req, &said)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if r.answer != nil && r.answer(w, req, nil) {
		return
	}
	r.metrics = append(r.metrics, &said)
}

// got is what was taken, and how often.
func (r *receiver) got() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}

func (r *receiver) asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

func (r *receiver) settings() OTLPSettings {
	return OTLPSettings{Endpoint: r.URL, Logs: true, Metrics: true}
}

// attributesOf are the values as package proto has them.
func attributesOf(list []*common.KeyValue) map[string]*common.AnyValue {
	m := map[string]*common.AnyValue{}
	for _, kv := range list {
		m[kv.GetKey()] = kv.GetValue()
	}
	return m
}

func recordID(r *logs.LogRecord) string {
	a := attributesOf(r.GetAttributes())
	return a["lodoor.journal.id"].GetStringValue() + "-" + a["lodoor.journal.epoch"].GetStringValue() + "-" +
		strconv.FormatInt(a["lodoor.journal.seq"].GetIntValue(), 10)
}
