package journal

import (
	"strconv"

	"github.com/rs/zerolog"

	"github.com/lodoor/lodoor/proxy/flow"
)

const protocolHTTP = "http"

// operation writes what was asked of a backend: what the conventions have names for as they have it, and operation with
// the rest.
func (c *encoder) operation(e *zerolog.Event, r *flow.Record) {
	o := r.Operation
	if o == nil {
		return
	}
	if o.Protocol == protocolHTTP {
		c.http(e, o)
	} else {
		c.db(e, o)
	}
	if o.User != "" {
		d := e.CreateDict()
		c.str(d, "name", clip(o.User, nameMax))
		e.Dict("user", d)
	}
	d := e.CreateDict()
	name(d, "protocol", o.Protocol)
	name(d, "kind", o.Kind)
	c.fingerprint(d, o.Fingerprint)
	flag(d, "cut", o.Cut)
	flag(d, "failed", o.Failed)
	flag(d, "unfinished", o.Unfinished)
	if o.Protocol != protocolHTTP {
		c.str(d, "application", clip(o.Application, nameMax))
	}
	c.str(d, "auth", clip(o.Auth, nameMax))
	name(d, "transaction", o.Transaction)
	if o.Rows >= 0 && !returns(o) {
		d.Int64("changed_rows", o.Rows)
	}
	d.Uint64("bytes_from_client", o.FromClient)
	d.Uint64("bytes_from_backend", o.FromBackend)
	d.Int64("duration_ns", max(0, r.Time.Sub(o.Started).Nanoseconds()))
	nanoseconds(d, "asked_ns", o.Asked.Nanoseconds())
	nanoseconds(d, "first_byte_ns", o.FirstByte.Nanoseconds())
	nanoseconds(d, "last_byte_ns", o.LastByte.Nanoseconds())
	e.Dict("operation", d)
}

// returns says whether the rows of an operation are those that it returned. Those of what changes data are counted by
// operation.changed_rows, since the conventions' member is for returned ones only.
func returns(o *flow.Operation) bool {
	switch o.Name {
	case "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "COPY", "LOAD":
		return false
	}
	return o.Protocol != protocolHTTP
}

func (c *encoder) fingerprint(d *zerolog.Event, n uint64) {
	if n == 0 {
		return
	}
	const digits = "0123456789abcdef"
	c.text = append(c.text[:0], '"')
	for shift := 60; shift >= 0; shift -= 4 {
		c.text = append(c.text, digits[n>>shift&15])
	}
	d.RawJSON("fingerprint", append(c.text, '"'))
}

func (c *encoder) db(e *zerolog.Event, o *flow.Operation) {
	d := e.CreateDict()
	c.below(d, "system", "name", o.System, nameMax)
	c.str(d, "namespace", clip(o.Namespace, nameMax))
	c.below(d, "operation", "name", o.Name, nameMax)
	c.below(d, "query", "text", o.Text, flow.OperationTextMax)
	if rows := o.Rows >= 0 && returns(o); rows || o.Status != "" {
		response := e.CreateDict()
		c.str(response, "status_code", clip(o.Status, nameMax))
		if rows {
			response.Int64("returned_rows", o.Rows)
		}
		d.Dict("response", response)
	}
	e.Dict("db", d)
}

// http writes a status that is a number, as all of HTTP are.
func (c *encoder) http(e *zerolog.Event, o *flow.Operation) {
	d := e.CreateDict()
	c.below(d, "request", "method", o.Name, nameMax)
	if status, err := strconv.ParseUint(o.Status, 10, 16); err == nil {
		response := e.CreateDict()
		response.Uint64("status_code", status)
		d.Dict("response", response)
	}
	e.Dict("http", d)
	c.below(e, "url", "path", o.Text, flow.OperationTextMax)
	c.below(e, "user_agent", "original", o.Application, nameMax)
}

// below writes an object with one text in it; nothing when the text is empty.
func (c *encoder) below(e *zerolog.Event, object, key, s string, limit int) {
	if s == "" {
		return
	}
	d := e.CreateDict()
	c.str(d, key, clip(s, limit))
	e.Dict(object, d)
}

// operationError writes what a backend objected to. Without a status the conventions say _OTHER.
func (c *encoder) operationError(e *zerolog.Event, o *flow.Operation) {
	if !o.Failed && o.Error == "" {
		return
	}
	d := e.CreateDict()
	switch {
	case o.Failed && o.Status != "":
		c.str(d, "type", clip(o.Status, nameMax))
	case o.Failed:
		d.Str("type", "_OTHER")
	}
	c.str(d, "message", clip(o.Error, flow.OperationErrorMax))
	e.Dict("error", d)
}
