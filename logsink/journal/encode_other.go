package journal

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/lodoor/lodoor/proxy/flow"
)

// rule writes the verdict: that of the rules, in a close that of a gate.
func (c *encoder) rule(e *zerolog.Event, r *flow.Record) {
	v := r.Verdict
	if v == nil && r.Outcome != nil {
		v = r.Outcome.Refused
	}
	if v == nil {
		return
	}
	d := e.CreateDict()
	c.str(d, "name", v.Rule)
	d.Str("action", v.Action.String())
	name(d, "cause", v.Cause.String())
	c.str(d, "reason", v.Reason)
	e.Dict("rule", d)
}

// errorType writes error.type where something failed. What lodoor or a person decided is no error.
func (c *encoder) errorType(e *zerolog.Event, r *flow.Record) {
	if r.Operation != nil {
		c.operationError(e, r.Operation)
		return
	}
	if r.Outcome == nil || !failed(r.Outcome.End) {
		return
	}
	d := e.CreateDict()
	d.Str("type", r.Outcome.End.String())
	e.Dict("error", d)
}

func failed(end flow.End) bool {
	switch end {
	case flow.EndUnknown, flow.EndFIN, flow.EndClientGone, flow.EndDenied, flow.EndDrain, flow.EndKilled:
		return false
	default:
		return true
	}
}

func (c *encoder) tcp(e *zerolog.Event, o *flow.Outcome) {
	if o == nil || o.ClientTCP == nil && o.BackendTCP == nil {
		return
	}
	d := e.CreateDict()
	tcpInfo(d, "client", o.ClientTCP)
	tcpInfo(d, "backend", o.BackendTCP)
	e.Dict("tcp", d)
}

func tcpInfo(e *zerolog.Event, key string, t *flow.TCPInfo) {
	if t == nil {
		return
	}
	d := e.CreateDict()
	d.Int64("rtt_ns", t.RTT.Nanoseconds())
	d.Uint32("retransmits", t.Retransmits)
	d.Uint32("unsent_bytes", t.Unsent)
	d.Uint32("unread_bytes", t.Unread)
	e.Dict(key, d)
}

func (c *encoder) refused(e *zerolog.Event, f *flow.Refusal) {
	if f == nil {
		return
	}
	d := e.CreateDict()
	d.Uint64("count", f.Count)
	count(d, "distinct", f.Distinct)
	flag(d, "distinct_capped", f.DistinctCapped)
	flag(d, "tripwire", f.Tripwire)
	c.addrPorts(d, "sample", f.Sample)
	e.Dict("refused", d)
}

func (c *encoder) alert(e *zerolog.Event, a *flow.Alert) {
	if a == nil {
		return
	}
	d := e.CreateDict()
	c.str(d, "id", a.ID)
	c.str(d, "condition", a.Condition)
	d.Str("severity", a.Severity.String())
	if a.Zone != flow.ZoneUnknown {
		d.Str("zone", a.Zone.String())
	}
	d.Uint64("count", a.Count)
	c.timeSet(d, "first", a.First)
	c.timeSet(d, "last", a.Last)
	flag(d, "repeat", a.Repeat)
	flag(d, "observed", a.Observed)
	flag(d, "resolved", a.Resolved)
	flag(d, "silenced", a.Silenced)
	c.str(d, "message", a.Message)
	c.addrPorts(d, "sample", a.Sample)
	c.str(d, "forwarder", clip(a.Forwarder, nameMax))
	c.str(d, "program", clip(a.Program, nameMax))
	c.labels(d, "by", a.By)
	e.Dict("alert", d)
}

func (c *encoder) timeSet(e *zerolog.Event, key string, t time.Time) {
	if !t.IsZero() {
		c.time(e, key, t)
	}
}

func (c *encoder) config(e *zerolog.Event, f *flow.Config) {
	if f == nil {
		return
	}
	d := e.CreateDict()
	c.str(d, "hash", f.Hash)
	c.str(d, "source", f.Source)
	c.str(d, "error", f.Error)
	c.strs(d, "services", f.Services)
	e.Dict("config", d)
}

func (c *encoder) journal(e *zerolog.Event, j *flow.Journal) {
	if j == nil {
		return
	}
	d := e.CreateDict()
	c.str(d, "id", j.ID)
	c.str(d, "epoch", j.Epoch)
	c.str(d, "version", j.Version)
	if j.PID != 0 {
		d.Int("pid", j.PID)
	}
	c.str(d, "segment", j.Segment)
	count(d, "first", j.First)
	count(d, "last", j.Last)
	c.str(d, "head", j.Head)
	count(d, "count", j.Count)
	count(d, "bytes", j.Bytes)
	c.str(d, "reason", j.Reason)
	e.Dict("journal", d)
}
