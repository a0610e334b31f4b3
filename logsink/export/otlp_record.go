package export

import (
	"context"
	"math"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	sdk "go.opentelemetry.io/otel/sdk/log"

	"github.com/lodoor/lodoor/logsink/journal"
)

// scope names, to OpenTelemetry, who makes the records.
const scope = "github.com/lodoor/lodoor"

// recorder makes the SDK's records. They can only be made by a logger, which gives them to a processor: this one.
type recorder struct {
	logger log.Logger
	out    []sdk.Record
}

func newRecorder(from From) *recorder {
	r := &recorder{}
	r.logger = sdk.NewLoggerProvider(
		sdk.WithResource(from.resource()),
		sdk.WithProcessor(r),
		// No attribute is left out or cut, whatever the environment says.
		sdk.WithAttributeCountLimit(-1),
		sdk.WithAttributeValueLengthLimit(-1),
	).Logger(scope, log.WithInstrumentationVersion(from.Version))
	return r
}

// records are valid until the next call.
func (r *recorder) records(entries []journal.Entry) []sdk.Record {
	clear(r.out)
	r.out = r.out[:0]
	for i := range entries {
		r.logger.Emit(context.Background(), otlpRecord(&entries[i]))
	}
	return r.out
}

// otlpRecord has the journal's line as its body, byte for byte and not as a map: a map has no order, and the chain is
// over the bytes. What is searched for is in the attributes.
func otlpRecord(e *journal.Entry) log.Record {
	var record log.Record
	record.SetTimestamp(e.Record.Time)
	record.SetEventName(e.Record.Event.String())
	record.SetSeverity(severity(&e.Record))
	record.SetSeverityText(severityOf(&e.Record).String())
	record.SetBody(attribute.StringValue(string(e.Line)))
	record.AddAttributes(append(flatten(e.Line),
		attribute.String("lodoor.journal.id", e.Identity.Journal),
		attribute.String("lodoor.journal.epoch", e.Identity.Epoch),
		attribute.Int64("lodoor.journal.seq", int64(min(e.Identity.Seq, math.MaxInt64))),
	)...)
	return record
}

// OnEmit collects. The SDK gives one record after another to all its processors and uses it again.
func (r *recorder) OnEmit(_ context.Context, record *sdk.Record) error {
	r.out = append(r.out, record.Clone())
	return nil
}

// Enabled is always true.
func (r *recorder) Enabled(context.Context, sdk.EnabledParameters) bool { return true }

// Shutdown has nothing to do.
func (r *recorder) Shutdown(context.Context) error { return nil }

// ForceFlush has nothing to do.
func (r *recorder) ForceFlush(context.Context) error { return nil }
