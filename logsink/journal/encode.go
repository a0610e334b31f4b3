package journal

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"github.com/lodoor/lodoor/proxy/flow"
)

// timeFormat is RFC 3339 with nine digits; the time is UTC.
const timeFormat = "2006-01-02T15:04:05.000000000Z"

var (
	errEncoderOff = errors.New("encode: zerolog's global level is disabled, nothing can be recorded")
	errTooLong    = errors.New("encode: the record is too long for a line")
)

// encoder turns one record at a time into JSON and keeps it until the next one. zerolog encodes; texts that others
// chose go past it, since it lets some of what is not visible through.
type encoder struct {
	log  zerolog.Logger // writes to out
	out  []byte
	text []byte // one value, before it is given to zerolog
}

func newEncoder() *encoder {
	c := &encoder{out: make([]byte, 0, 1024), text: make([]byte, 0, 256)}
	c.log = zerolog.New(c)
	return c
}

// Write takes what zerolog has encoded. It never fails.
func (c *encoder) Write(p []byte) (int, error) {
	c.out = append(c.out, p...)
	return len(p), nil
}

// body is what was encoded last, without the braces around it: `"time":…`.
func (c *encoder) body() []byte { return c.out[len("{") : len(c.out)-len("}\n")] }

// encode encodes r. The order of the first members (time, event, service, session) is part of the format.
func (c *encoder) encode(r *flow.Record) error {
	c.out = c.out[:0]
	e := c.log.Log()
	if e == nil {
		return errEncoderOff
	}
	c.time(e, "time", r.Time)
	e.Str("event", r.Event.String())
	c.service(e, r)
	c.session(e, r)
	c.network(e, r)
	c.server(e, r)
	c.origin(e, r)
	c.rule(e, r)
	c.errorType(e, r)
	c.tcp(e, r.Outcome)
	c.refused(e, r.Refusal)
	c.alert(e, r.Alert)
	c.config(e, r.Config)
	c.journal(e, r.Journal)
	c.host(e, r.Host)
	c.heartbeat(e, r.Beat)
	c.operation(e, r)
	e.Send()
	if len(c.out) > maxLine-chainTail-len(seqKey)-20 {
		return errTooLong
	}
	return nil
}

// str writes a text that others may have chosen; an empty one is left out. When it is not UTF-8, a second member
// keeps its bytes.
func (c *encoder) str(e *zerolog.Event, key, s string) {
	if s == "" {
		return
	}
	text, whole := appendText(c.text[:0], s)
	c.text = text
	e.RawJSON(key, text)
	if !whole {
		e.Str(key+rawSuffix, base64.StdEncoding.EncodeToString([]byte(s)))
	}
}

// name writes a word of our own; an empty one is left out.
func name(e *zerolog.Event, key, s string) {
	if s != "" {
		e.Str(key, s)
	}
}

// count writes a number that is left out when it is 0.
func count(e *zerolog.Event, key string, n uint64) {
	if n != 0 {
		e.Uint64(key, n)
	}
}

// flag writes a truth that is left out when it is none.
func flag(e *zerolog.Event, key string, b bool) {
	if b {
		e.Bool(key, b)
	}
}

func (c *encoder) time(e *zerolog.Event, key string, t time.Time) {
	c.text = append(c.text[:0], '"')
	c.text = t.UTC().AppendFormat(c.text, timeFormat)
	c.text = append(c.text, '"')
	e.RawJSON(key, c.text)
}

// addrPort writes address and port into e, nothing when a is not valid. A zone never belongs there: the interface has
// a field of its own.
func (c *encoder) addrPort(e *zerolog.Event, a netip.AddrPort) {
	if !a.IsValid() {
		return
	}
	c.text = append(c.text[:0], '"')
	c.text = a.Addr().WithZone("").AppendTo(c.text)
	c.text = append(c.text, '"')
	e.RawJSON("address", c.text)
	count(e, "port", uint64(a.Port()))
}

// addrPorts writes a list of texts, ADDRESS:PORT; an empty one is left out.
func (c *encoder) addrPorts(e *zerolog.Event, key string, list []netip.AddrPort) {
	if len(list) == 0 {
		return
	}
	c.text = append(c.text[:0], '[')
	for i, a := range list {
		if i > 0 {
			c.text = append(c.text, ',')
		}
		c.text = append(c.text, '"')
		c.text = netip.AddrPortFrom(a.Addr().WithZone(""), a.Port()).AppendTo(c.text)
		c.text = append(c.text, '"')
	}
	c.text = append(c.text, ']')
	e.RawJSON(key, c.text)
}
