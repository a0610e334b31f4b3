package export

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

func newLogs(t testing.TB, s OTLPSettings) (l *OTLPLogs, warnings func() []error) {
	t.Helper()
	var told []error
	l, err := NewOTLPLogs(OTLPConfig{Settings: s, From: testFrom(), Warn: func(err error) { told = append(told, err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, func() []error { return told }
}

// times is each entry's identity, n times.
func times(entries []journal.Entry, n int) map[string]int {
	m := map[string]int{}
	for _, e := range entries {
		m[ID(e.Identity)] = n
	}
	return m
}

// TestOTLPFeed takes a journal to a receiver that is away at first, by a real feed.
func TestOTLPFeed(t *testing.T) {
	r := newReceiver(t)
	r.Start()
	var up atomic.Bool
	r.answer = func(w http.ResponseWriter, _ *http.Request, _ []string) bool {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return !up.Load()
	}
	l, _ := newLogs(t, r.settings())
	dir := t.TempDir()
	j := openJournal(t, dir)
	f, stop := feed(t, j, l)
	appendRecords(t, j, 1000)
	testkit.Wait(t, "an error", func() bool { return f.Stats().Err != nil }, longWait)
	up.Store(true)
	settle(t, f)
	j.stop()
	stop()
	if diff := cmp.Diff(times(entriesOf(t, dir), 1), r.got()); diff != "" {
		t.Error(diff)
	}
}

// TestOTLPRecord is what a record looks like to those who search for it.
func TestOTLPRecord(t *testing.T) {
	r := newReceiver(t)
	r.Start()
	l, _ := newLogs(t, r.settings())
	entries := written(t, 1)
	drive(t, l, entries)
	resource := attributesOf(r.logs[0].GetResourceLogs()[0].GetResource().GetAttributes())
	for key, want := range map[string]string{"service.name": "lodoor", "service.version": "v0.1.0",
		"host.name": "ada.example", "host.id": "3d1219c7c4c5404aaa1f6d2a48adfda4"} {
		if got := resource[key].GetStringValue(); got != want {
			t.Errorf("resource: %s is %q, want %q", key, got, want)
		}
	}
	severities := map[string]logs.SeverityNumber{
		"session.open": logs.SeverityNumber_SEVERITY_NUMBER_INFO, "alert": logs.SeverityNumber_SEVERITY_NUMBER_ERROR,
		"session.refused": logs.SeverityNumber_SEVERITY_NUMBER_WARN,
	}
	for i, got := range r.records {
		e := entries[i]
		if got.GetBody().GetStringValue() != string(e.Line) || got.GetEventName() != e.Record.Event.String() ||
			got.GetTimeUnixNano() != uint64(e.Record.Time.UnixNano()) || got.GetObservedTimeUnixNano() == 0 {
			t.Errorf("record %d is %v, the entry %s", i, got, e.Line)
		}
		if want, is := severities[got.GetEventName()]; is && got.GetSeverityNumber() != want {
			t.Errorf("%s has severity %v, want %v", got.GetEventName(), got.GetSeverityNumber(), want)
		}
		if a := attributesOf(got.GetAttributes()); a["seq"] != nil || a["chain"] != nil || a["service.name"] != nil {
			t.Errorf("%s has attributes of the resource or the line: %v", got.GetEventName(), a)
		}
	}
	checkOpen(t, r.records)
}

func checkOpen(t *testing.T, records []*logs.LogRecord) {
	t.Helper()
	for _, r := range records {
		a := attributesOf(r.GetAttributes())
		switch r.GetEventName() {
		case "session.open":
			if a["client.address"].GetStringValue() != "127.0.0.1" || a["client.port"].GetIntValue() != 40000 ||
				a["process.pid"].GetIntValue() != 4242 || a["rule.name"].GetStringValue() != "builtin.local" ||
				!strings.HasPrefix(a["session.id"].GetStringValue(), "0123456789abcde") ||
				a["lodoor.service.name"].GetStringValue() != "pg" ||
				!strings.HasPrefix(a["origin.program"].GetStringValue(), "psql\"]\\ <34>1 ") {
				t.Errorf("attributes %v", a)
			}
		case "session.refused":
			if got := len(a["refused.sample"].GetArrayValue().GetValues()); got != 2 {
				t.Errorf("refused.sample has %d values: %v", got, a)
			}
		}
	}
}

// TestOTLPAnswers has a receiver that is in trouble now and then: every record arrives once, in the end.
func TestOTLPAnswers(t *testing.T) {
	entries := written(t, 20)
	for name, trouble := range map[string]http.HandlerFunc{
		"429 without a time": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"500":                func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"502 with a page": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>", http.StatusBadGateway)
		},
		"401": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"404": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect) // a request of it fails the test
		},
		"cut off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			r.Start()
			r.answer = func(w http.ResponseWriter, req *http.Request, _ []string) bool {
				if r.requests%2 == 1 {
					trouble(w, req)
				}
				return r.requests%2 == 1
			}
			l, _ := newLogs(t, r.settings())
			errs := drive(t, l, entries)
			if diff := cmp.Diff(times(entries, 1), r.got()); diff != "" {
				t.Error(diff)
			}
			if len(errs) == 0 || l.Rejected() != 0 {
				t.Errorf("%d errors, %d rejected", len(errs), l.Rejected())
			}
		})
	}
}

// TestOTLPRetryAfter is a receiver that says when it wants to be asked again.
func TestOTLPRetryAfter(t *testing.T) {
	r := newReceiver(t)
	r.Start()
	var refused time.Time
	r.answer = func(w http.ResponseWriter, _ *http.Request, _ []string) bool {
		if refused.IsZero() {
			refused = time.Now()
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		if early := time.Second - time.Since(refused); early > 0 {
			t.Errorf("asked again %v too early", early)
		}
		return false
	}
	l, _ := newLogs(t, r.settings())
	entries := written(t, 1)[:3]
	if errs := drive(t, l, entries); len(errs) != 1 {
		t.Errorf("errors: %v", errs)
	}
	if diff := cmp.Diff(times(entries, 1), r.got()); diff != "" {
		t.Error(diff)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"7": 7 * time.Second, "86400": longestAfter, "Thu, 26 Nov 2026 02:01:00 GMT": time.Minute,
		"Thu, 26 Nov 2027 02:01:00 GMT": longestAfter, "Thu, 26 Nov 2020 02:01:00 GMT": 0, "": 0, "-1": 0, "soon": 0,
	} {
		got := retryAfter(http.Header{"Retry-After": {text}}, now)
		if want == 0 && !got.IsZero() || want != 0 && !got.Equal(now.Add(want)) {
			t.Errorf("%q: got %v, want %v later", text, got, want)
		}
	}
}

// TestOTLPPartialSuccess is a receiver that throws records away and says so: they must not come again.
func TestOTLPPartialSuccess(t *testing.T) {
	r := newReceiver(t)
	r.Start()
	r.answer = func(w http.ResponseWriter, _ *http.Request, ids []string) bool {
		for _, id := range ids {
			r.counts[id]++
		}
		said := &collectorlogs.ExportLogsPartialSuccess{RejectedLogRecords: 2, ErrorMessage: "too \x1b[31mred"}
		text, err := proto.Marshal(&collectorlogs.ExportLogsServiceResponse{PartialSuccess: said})
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(text)
		return true
	}
	l, warnings := newLogs(t, r.settings())
	entries := written(t, 1)[:4]
	if errs := drive(t, l, entries); len(errs) != 0 {
		t.Error(errs)
	}
	if diff := cmp.Diff(times(entries, 1), r.got()); diff != "" {
		t.Error(diff)
	}
	const want = `rejected 2 records: "too \x1b[31mred"`
	if w := warnings(); len(w) != 1 || l.Rejected() != 2 || !strings.Contains(w[0].Error(), want) {
		t.Errorf("warnings %v, rejected %d", w, l.Rejected())
	}
}

// TestOTLPBadRecord is a receiver that does not like one record, whatever it comes with.
func TestOTLPBadRecord(t *testing.T) {
	entries := written(t, 300)
	for _, status := range []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge} {
		for _, bad := range []int{0, 150, len(entries) - 1} {
			t.Run(fmt.Sprint(status, " record ", bad), func(t *testing.T) {
				r := newReceiver(t)
				r.Start()
				r.answer = func(w http.ResponseWriter, _ *http.Request, ids []string) bool {
					for _, id := range ids {
						if id == ID(entries[bad].Identity) {
							http.Error(w, "bad", status)
							return true
						}
					}
					return false
				}
				l, warnings := newLogs(t, r.settings())
				if n, err := l.Deliver(context.Background(), entries); n != len(entries) || err != nil {
					t.Fatal(n, err)
				}
				want := times(entries, 1)
				delete(want, ID(entries[bad].Identity))
				if diff := cmp.Diff(want, r.got()); diff != "" {
					t.Error(diff)
				}
				if w := warnings(); l.Rejected() != 1 || len(w) != 1 || !strings.Contains(w[0].Error(), "1 records were refused") {
					t.Errorf("rejected %d, warnings %v", l.Rejected(), w)
				}
			})
		}
	}
}

// TestOTLPNoReceiver is a server that has never taken a record: nothing is given up for its answers.
func TestOTLPNoReceiver(t *testing.T) {
	r := newReceiver(t)
	r.Start()
	r.answer = func(w http.ResponseWriter, _ *http.Request, _ []string) bool {
		http.Error(w, "what is that?", http.StatusBadRequest)
		return true
	}
	l, warnings := newLogs(t, r.settings())
	entries := written(t, 300)
	for _, list := range [][]journal.Entry{entries, entries[:1]} {
		before := r.asked()
		n, err := l.Deliver(context.Background(), list)
		if n != 0 || err == nil || !strings.Contains(err.Error(), "what is that?") {
			t.Errorf("got %d, %v", n, err)
		}
		if asked := r.asked() - before; asked > maxDoubt+1 {
			t.Errorf("it was asked %d times", asked)
		}
	}
	if l.Rejected() != 0 || len(warnings()) != 0 {
		t.Errorf("rejected %d, warnings %v", l.Rejected(), warnings())
	}
}

// TestOTLPEnd ends a delivery to a receiver that does not answer.
func TestOTLPEnd(t *testing.T) {
	r := newReceiver(t)
	r.Start()
	asked, release := make(chan struct{}), make(chan struct{})
	r.answer = func(http.ResponseWriter, *http.Request, []string) bool {
		close(asked)
		<-release
		return true
	}
	l, _ := newLogs(t, r.settings())
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-asked; cancel() }()
	n, err := l.Deliver(ctx, written(t, 1))
	close(release)
	if n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("got %d, %v", n, err)
	}
}

func TestFlattenUnreadable(t *testing.T) {
	r := newRecorder(testFrom())
	got := r.records([]journal.Entry{{Line: []byte("no JSON"), Record: flow.Record{Event: flow.EventAlert}}})
	if len(got) != 1 || got[0].Body().AsString() != "no JSON" || got[0].AttributesLen() != 3 {
		t.Errorf("got %v", got)
	}
}

func TestFittingRequests(t *testing.T) {
	big := journal.Entry{Line: make([]byte, maxRequest)}
	small := journal.Entry{Line: make([]byte, 10)}
	for want, entries := range [][]journal.Entry{1: {big, small}, 2: {small, small, big}, 3: {small, small, small}} {
		if got := fitting(entries); got != want {
			t.Errorf("%d entries: got %d, want %d", len(entries), got, want)
		}
	}
}
