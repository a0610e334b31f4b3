package journal

import "github.com/lodoor/lodoor/proxy/flow"

func (d *decoder) verdict(w *wireRule) *flow.Verdict {
	if w == nil {
		return nil
	}
	v := &flow.Verdict{Rule: text(w.Name, w.NameRaw), Reason: text(w.Reason, w.ReasonRaw)}
	d.word(&v.Action, w.Action)
	d.optional(&v.Cause, w.Cause)
	return v
}

func (d *decoder) refusal(w *wireRefused) *flow.Refusal {
	if w == nil {
		return nil
	}
	return &flow.Refusal{
		Count: w.Count, Distinct: w.Distinct, DistinctCapped: w.DistinctCapped, Tripwire: w.Tripwire,
		Sample: d.addrPorts(w.Sample),
	}
}

func (d *decoder) alert(w *wireAlert) *flow.Alert {
	if w == nil {
		return nil
	}
	a := &flow.Alert{
		ID: w.ID, Condition: text(w.Condition, w.ConditionRaw), Count: w.Count, First: w.First, Last: w.Last,
		Repeat: w.Repeat, Observed: w.Observed, Resolved: w.Resolved, Silenced: w.Silenced,
		Message: text(w.Message, w.MessageRaw), Sample: d.addrPorts(w.Sample),
		Forwarder: text(w.Forwarder, w.ForwarderRaw), Program: text(w.Program, w.ProgramRaw), By: d.labels(w.By),
	}
	d.word(&a.Severity, w.Severity)
	d.optional(&a.Zone, w.Zone)
	return a
}

func config(w *wireConfig) *flow.Config {
	if w == nil {
		return nil
	}
	return &flow.Config{
		Hash: text(w.Hash, w.HashRaw), Source: text(w.Source, w.SourceRaw), Error: text(w.Error, w.ErrorRaw),
		Services: texts(w.Services, w.ServicesRaw),
	}
}

func journal(w *wireJournal) *flow.Journal {
	if w == nil {
		return nil
	}
	return &flow.Journal{
		ID: w.ID, Epoch: w.Epoch, Version: text(w.Version, w.VersionRaw), PID: w.PID,
		Segment: text(w.Segment, w.SegmentRaw), First: w.First, Last: w.Last, Head: w.Head, Count: w.Count,
		Bytes: w.Bytes, Reason: text(w.Reason, w.ReasonRaw),
	}
}
