package export

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	// maxRequest is how many bytes of lines go into one request, unless it is one line. A record takes about twice its
	// line there, and collectors take 20 MiB (max_request_body_size of confighttp).
	maxRequest = 4 << 20
	// maxDoubt is how many refusals are tried in pieces while the receiver has never taken anything: enough to get
	// past one bad record in a batch of 512.
	maxDoubt = 32
)

// OTLPConfig says what is exported, and whereto.
type OTLPConfig struct {
	Settings OTLPSettings
	From     From
	// Warn, which may be nil, is told what the receiver took and then threw away. It has no secret in it.
	Warn func(error)
}

// OTLPLogs is a [journal.Destination] that posts records as OpenTelemetry logs. Its answer comes from the receiver:
// what Deliver counts has been taken.
type OTLPLogs struct {
	courier  *courier
	exporter *otlploghttp.Exporter
	records  *recorder
	warn     func(error)

	taken    bool // the receiver has taken something, so that it is one
	rejected atomic.Uint64
}

// NewOTLPLogs reads the files that the settings name, and opens no connection.
func NewOTLPLogs(c OTLPConfig) (*OTLPLogs, error) {
	post, err := newCourier(c.Settings, "v1/logs")
	if err != nil {
		return nil, fmt.Errorf("export to OTLP: %w", err)
	}
	compression := otlploghttp.GzipCompression
	if c.Settings.Compression == compressionNone {
		compression = otlploghttp.NoCompression
	}
	// Every option that has a variable of the environment is set, so that none of them is looked at.
	exporter, err := otlploghttp.New(context.Background(),
		otlploghttp.WithEndpointURL(post.url.String()),
		otlploghttp.WithHTTPClient(post.client(c.Settings.timeout())),
		otlploghttp.WithTLSClientConfig(nil), // the client's own is used
		otlploghttp.WithHeaders(map[string]string{"User-Agent": "lodoor/" + c.From.Version}),
		otlploghttp.WithCompression(compression),
		otlploghttp.WithTimeout(c.Settings.timeout()),
		otlploghttp.WithProxy(http.ProxyURL(nil)),
		otlploghttp.WithRetry(otlploghttp.RetryConfig{Enabled: false}), // the feed tries again
	)
	if err != nil {
		return nil, fmt.Errorf("export to OTLP: %w", err)
	}
	if c.Warn == nil {
		c.Warn = func(error) {}
	}
	return &OTLPLogs{courier: post, exporter: exporter, records: newRecorder(c.From), warn: c.Warn}, nil
}

// Name is "otlp".
func (l *OTLPLogs) Name() string { return "otlp" }

// Wants is for all records.
func (l *OTLPLogs) Wants(flow.Event) bool { return true }

// Rejected is the number of records that the receiver refused for good; they are not sent again. Any goroutine may ask.
func (l *OTLPLogs) Rejected() uint64 { return l.rejected.Load() }

// Close closes the connection that was kept; no call of Deliver may be on its way.
func (l *OTLPLogs) Close() error {
	l.courier.close()
	return nil
}

// Deliver posts entries, in as many requests as they need.
func (l *OTLPLogs) Deliver(ctx context.Context, entries []journal.Entry) (int, error) {
	if err := l.courier.wait(ctx); err != nil {
		return 0, err
	}
	s := sending{OTLPLogs: l}
	done := 0
	for done < len(entries) {
		n := fitting(entries[done:])
		if err := s.send(ctx, entries[done:done+n]); err != nil {
			return done, fmt.Errorf("export to OTLP: %w", err)
		}
		if l.taken {
			s.settle()
			done += n
			continue
		}
		return done, fmt.Errorf("export to OTLP: nothing was taken: %w", s.err)
	}
	return done, nil
}

// fitting is how many of the entries go into one request.
func fitting(entries []journal.Entry) int {
	size := 0
	for i := range entries {
		if size += len(entries[i].Line); size > maxRequest && i > 0 {
			return i
		}
	}
	return len(entries)
}

// sending is one Deliver. A request that is refused for what is in it (400, 413, 422) is sent again in halves, down to
// the single records that are at fault. Those are given up, but only when the receiver takes others: one that takes
// nothing is not a receiver of OTLP, and nothing is given up for that.
type sending struct {
	*OTLPLogs
	refusals int
	bad      uint64 // single records that were refused
	err      error  // of the last of them
}

func (s *sending) send(ctx context.Context, entries []journal.Entry) error {
	err := s.post(ctx, entries)
	if err == nil || !faulty(s.courier.last.status) {
		return err
	}
	if s.refusals++; s.refusals > maxDoubt && !s.taken {
		return err
	}
	if len(entries) == 1 {
		s.bad, s.err = s.bad+1, err
		return nil
	}
	half := len(entries) / 2
	if err := s.send(ctx, entries[:half]); err != nil {
		return err
	}
	return s.send(ctx, entries[half:])
}

func faulty(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge ||
		status == http.StatusUnprocessableEntity
}

// post sends one request. A partial success is a success: what was rejected must not be sent again (OTLP
// specification, "Partial Success").
func (s *sending) post(ctx context.Context, entries []journal.Entry) error {
	s.courier.last = answer{}
	err := s.exporter.Export(ctx, s.records.records(entries))
	if status := s.courier.last.status; status < 200 || status > 299 {
		if err == nil {
			err = errors.New("no request was made")
		}
		return err
	}
	s.taken = true
	s.partial()
	return nil
}

// partial tells what the receiver took and threw away.
func (s *sending) partial() {
	var said collector.ExportLogsServiceResponse
	if err := proto.Unmarshal(s.courier.last.body, &said); err != nil {
		return // receivers answer with other things, too, and what counts is the status
	}
	p := said.GetPartialSuccess()
	if n := p.GetRejectedLogRecords(); n > 0 {
		s.rejected.Add(uint64(n))
		s.warn(fmt.Errorf("export to OTLP: the receiver rejected %d records: %q", n, p.GetErrorMessage()))
	} else if p.GetErrorMessage() != "" {
		s.warn(fmt.Errorf("export to OTLP: the receiver warns: %q", p.GetErrorMessage()))
	}
}

// settle gives up the records that were refused one by one.
func (s *sending) settle() {
	if s.bad > 0 {
		s.rejected.Add(s.bad)
		s.warn(fmt.Errorf("export to OTLP: %d records were refused: %w", s.bad, s.err))
		s.bad = 0
	}
}

// severity is a record's in OpenTelemetry's numbers.
func severity(r *flow.Record) log.Severity {
	switch severityOf(r) {
	case flow.SeverityCritical:
		return log.SeverityError
	case flow.SeverityWarning:
		return log.SeverityWarn
	default:
		return log.SeverityInfo
	}
}
