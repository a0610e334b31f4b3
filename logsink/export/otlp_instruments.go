package export

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	otel "go.opentelemetry.io/otel/metric"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// Snapshot is what is counted at one moment. Counts are since the start of lodoor.
type Snapshot struct {
	Services []ServiceCounts
	// Written are the records in the journal, Dropped those that are not.
	Written, Dropped uint64
	Feeds            []journal.FeedStats
	Operations       OperationCounts
}

// OperationCounts are those of what clients asked: what was read, what is in the journal of it, and what should be there
// and found no room.
type OperationCounts struct{ Read, Recorded, Dropped uint64 }

// ServiceCounts are those of one service.
type ServiceCounts struct {
	Name string
	// Open are the sessions now, Opened those that were let in.
	Open, Opened uint64
	// Refused are connections, by the kind of reason.
	Refused map[flow.Cause]uint64
	// FromClient and FromBackend are bytes.
	FromClient, FromBackend uint64
}

// instruments have names after OpenTelemetry's rules: units apart (UCUM), no _total.
type instruments struct {
	open, behind                                        otel.Int64ObservableUpDownCounter
	opened, refused, bytes, records, delivered, skipped otel.Int64ObservableCounter
	asked, recorded, dropped                            otel.Int64ObservableCounter
	lag                                                 otel.Float64ObservableGauge
}

// observe makes the instruments, which ask read once for each export.
func observe(meter otel.Meter, read func() Snapshot) error {
	var i instruments
	var errs [9]error
	say := otel.WithDescription
	i.open, errs[0] = meter.Int64ObservableUpDownCounter("lodoor.sessions.open", say("Sessions that are open."),
		otel.WithUnit("{session}"))
	i.opened, errs[1] = meter.Int64ObservableCounter("lodoor.sessions.opened", say("Sessions that were let in."),
		otel.WithUnit("{session}"))
	i.refused, errs[2] = meter.Int64ObservableCounter("lodoor.connections.refused",
		say("Connections that were not let in."), otel.WithUnit("{connection}"))
	i.bytes, errs[3] = meter.Int64ObservableCounter("lodoor.bytes", say("Bytes that were relayed."), otel.WithUnit("By"))
	i.records, errs[4] = meter.Int64ObservableCounter("lodoor.journal.records",
		say("Records that were written to the journal, or dropped."), otel.WithUnit("{record}"))
	i.behind, errs[5] = meter.Int64ObservableUpDownCounter("lodoor.feed.behind",
		say("Records of the journal that were not yet delivered."), otel.WithUnit("{record}"))
	i.delivered, errs[6] = meter.Int64ObservableCounter("lodoor.feed.delivered", say("Records that were delivered."),
		otel.WithUnit("{record}"))
	i.skipped, errs[7] = meter.Int64ObservableCounter("lodoor.feed.skipped",
		say("Records that were erased before they were delivered."), otel.WithUnit("{record}"))
	i.lag, errs[8] = meter.Float64ObservableGauge("lodoor.feed.lag",
		say("How long the oldest record that was not yet delivered has been waiting."), otel.WithUnit("s"))
	err := i.operations(meter)
	_, registered := meter.RegisterCallback(func(_ context.Context, o otel.Observer) error {
		s := read()
		i.services(o, s.Services)
		i.journal(o, &s)
		o.ObserveInt64(i.asked, int64(s.Operations.Read))
		o.ObserveInt64(i.recorded, int64(s.Operations.Recorded))
		o.ObserveInt64(i.dropped, int64(s.Operations.Dropped))
		return nil
	}, i.open, i.opened, i.refused, i.bytes, i.records, i.behind, i.delivered, i.skipped, i.lag, i.asked, i.recorded, i.dropped)
	return errors.Join(append(errs[:], err, registered)...)
}

// operations makes the instruments for what clients ask.
func (i *instruments) operations(meter otel.Meter) error {
	var errs [3]error
	unit, say := otel.WithUnit("{operation}"), otel.WithDescription
	i.asked, errs[0] = meter.Int64ObservableCounter("lodoor.operations.read", say("Operations of clients that were read."), unit)
	i.recorded, errs[1] = meter.Int64ObservableCounter("lodoor.operations.recorded", say("Operations that were given to the journal."), unit)
	i.dropped, errs[2] = meter.Int64ObservableCounter("lodoor.operations.dropped",
		say("Operations that should be in the journal, and for which there was no room."), unit)
	return errors.Join(errs[:]...)
}

func (i *instruments) services(o otel.Observer, services []ServiceCounts) {
	for _, s := range services {
		service := attribute.String("lodoor.service.name", s.Name)
		o.ObserveInt64(i.open, int64(s.Open), otel.WithAttributes(service))
		o.ObserveInt64(i.opened, int64(s.Opened), otel.WithAttributes(service))
		for cause, n := range s.Refused {
			o.ObserveInt64(i.refused, int64(n),
				otel.WithAttributes(service, attribute.String("lodoor.cause", cause.String())))
		}
		o.ObserveInt64(i.bytes, int64(s.FromClient), otel.WithAttributes(service, direction(flow.FromClient)))
		o.ObserveInt64(i.bytes, int64(s.FromBackend), otel.WithAttributes(service, direction(flow.FromBackend)))
	}
}

func direction(d flow.Direction) attribute.KeyValue {
	return attribute.String("lodoor.direction", d.String())
}

func (i *instruments) journal(o otel.Observer, s *Snapshot) {
	o.ObserveInt64(i.records, int64(s.Written), otel.WithAttributes(attribute.String("lodoor.outcome", "written")))
	o.ObserveInt64(i.records, int64(s.Dropped), otel.WithAttributes(attribute.String("lodoor.outcome", "dropped")))
	for _, f := range s.Feeds {
		feed := otel.WithAttributes(attribute.String("lodoor.feed.name", f.Name))
		o.ObserveInt64(i.behind, int64(f.Behind), feed)
		o.ObserveInt64(i.delivered, int64(f.Delivered), feed)
		o.ObserveInt64(i.skipped, int64(f.Skipped), feed)
		o.ObserveFloat64(i.lag, f.Lag.Seconds(), feed)
	}
}
