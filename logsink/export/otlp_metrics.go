package export

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	otel "go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// lastExport is how long the last export may take, once Run is to end.
const lastExport = 3 * time.Second

// MetricsConfig says which metrics are exported, and whereto.
type MetricsConfig struct {
	Settings OTLPSettings
	From     From
	// Read is asked once for each export.
	Read func() Snapshot
	// Warn, which may be nil, is told when exports begin to fail, and when they succeed again (with nil).
	Warn func(error)
}

// Metrics posts what lodoor counts as OpenTelemetry metrics. The sums are since the start of lodoor, so that an export
// that fails loses a point of a curve and no count.
type Metrics struct {
	c        MetricsConfig
	courier  *courier
	exporter *otlpmetrichttp.Exporter
	reader   *sdk.ManualReader
	failing  bool
}

// NewMetrics reads the files that the settings name, and opens no connection.
func NewMetrics(c MetricsConfig) (*Metrics, error) {
	if c.Read == nil {
		return nil, fmt.Errorf("export metrics to OTLP: nothing to read: expected a function")
	}
	post, err := newCourier(c.Settings, "v1/metrics")
	if err != nil {
		return nil, fmt.Errorf("export metrics to OTLP: %w", err)
	}
	exporter, err := newMetricExporter(c, post)
	if err != nil {
		return nil, fmt.Errorf("export metrics to OTLP: %w", err)
	}
	// The SDK's periodic reader tells errors to one handler of the whole program; Run tells Warn.
	reader := sdk.NewManualReader(sdk.WithTemporalitySelector(cumulative))
	provider := sdk.NewMeterProvider(sdk.WithReader(reader), sdk.WithResource(c.From.resource()))
	meter := provider.Meter(scope, otel.WithInstrumentationVersion(c.From.Version))
	if err := observe(meter, c.Read); err != nil {
		return nil, fmt.Errorf("export metrics to OTLP: %w", err)
	}
	if c.Warn == nil {
		c.Warn = func(error) {}
	}
	return &Metrics{c: c, courier: post, exporter: exporter, reader: reader}, nil
}

// newMetricExporter sets every option that has a variable of the environment.
func newMetricExporter(c MetricsConfig, post *courier) (*otlpmetrichttp.Exporter, error) {
	compression := otlpmetrichttp.GzipCompression
	if c.Settings.Compression == compressionNone {
		compression = otlpmetrichttp.NoCompression
	}
	return otlpmetrichttp.New(context.Background(),
		otlpmetrichttp.WithEndpointURL(post.url.String()),
		otlpmetrichttp.WithHTTPClient(post.client(c.Settings.timeout())),
		otlpmetrichttp.WithTLSClientConfig(nil), // the client's own is used
		otlpmetrichttp.WithHeaders(map[string]string{"User-Agent": "lodoor/" + c.From.Version}),
		otlpmetrichttp.WithCompression(compression),
		otlpmetrichttp.WithTimeout(c.Settings.timeout()),
		otlpmetrichttp.WithProxy(http.ProxyURL(nil)),
		otlpmetrichttp.WithTemporalitySelector(cumulative),
		otlpmetrichttp.WithAggregationSelector(sdk.DefaultAggregationSelector),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: false}), // the next interval tries again
	)
}

func cumulative(sdk.InstrumentKind) metricdata.Temporality { return metricdata.CumulativeTemporality }

// Run exports at each interval, and a last time when ctx ends. Its error is nil.
func (m *Metrics) Run(ctx context.Context) error {
	defer m.courier.close()
	tick := time.NewTicker(cmp.Or(m.c.Settings.Interval, defaultInterval))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.export(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastExport)
			defer cancel()
			m.export(last)
			return nil
		}
	}
}

// export leaves out what the receiver does not want to be asked now.
func (m *Metrics) export(ctx context.Context) {
	if time.Now().Before(m.courier.last.after) {
		return
	}
	var data metricdata.ResourceMetrics
	err := m.reader.Collect(ctx, &data)
	if err == nil {
		err = m.exporter.Export(ctx, &data)
	}
	switch {
	case err != nil && ctx.Err() == nil && !m.failing:
		m.failing = true
		m.c.Warn(fmt.Errorf("export metrics to OTLP: %w", err))
	case err == nil && m.failing:
		m.failing = false
		m.c.Warn(nil)
	}
}
