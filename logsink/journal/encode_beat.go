package journal

import (
	"encoding/base64"

	"github.com/rs/zerolog"

	"github.com/lodoor/lodoor/proxy/flow"
)

func (c *encoder) host(e *zerolog.Event, h *flow.Host) {
	if h == nil {
		return
	}
	d := e.CreateDict()
	c.str(d, "name", clip(h.Name, nameMax))
	c.str(d, "id", clip(h.ID, nameMax))
	e.Dict("host", d)
}

// heartbeat writes its counts in any case: here 0 is what was counted.
func (c *encoder) heartbeat(e *zerolog.Event, b *flow.Beat) {
	if b == nil {
		return
	}
	d := e.CreateDict()
	d.Uint64("open", b.Open)
	d.Uint64("sessions", b.Sessions)
	d.Uint64("refused", b.Refused)
	d.Uint64("dropped", b.Dropped)
	d.Int64("uptime_ns", b.Uptime.Nanoseconds())
	c.strs(d, "without", b.Without)
	c.str(d, "config_hash", b.Config)
	c.strs(d, "services", b.Services)
	e.Dict("heartbeat", d)
}

// strs writes a list of texts; an empty one is left out. When one of them is not UTF-8, a second member keeps the
// bytes of all.
func (c *encoder) strs(e *zerolog.Event, key string, list []string) {
	if len(list) == 0 {
		return
	}
	whole := true
	c.text = append(c.text[:0], '[')
	for i, s := range list {
		if i > 0 {
			c.text = append(c.text, ',')
		}
		var w bool
		c.text, w = appendText(c.text, s)
		whole = whole && w
	}
	c.text = append(c.text, ']')
	e.RawJSON(key, c.text)
	if whole {
		return
	}
	raw := e.CreateArray()
	for _, s := range list {
		raw.Str(base64.StdEncoding.EncodeToString([]byte(s)))
	}
	e.Array(key+"_base64", raw)
}

// rawSuffix is behind the name of the member that keeps a text's bytes.
const rawSuffix = "_base64"

// labels writes fields and their values as an object, in their order. The names are those of a configuration.
func (c *encoder) labels(e *zerolog.Event, key string, list []flow.Label) {
	if len(list) == 0 {
		return
	}
	c.text = append(c.text[:0], '{')
	for i, l := range list {
		if i > 0 {
			c.text = append(c.text, ',')
		}
		var whole bool
		value := clip(l.Value, pathMax)
		c.text, _ = appendText(c.text, l.Name)
		c.text, whole = appendText(append(c.text, ':'), value)
		if !whole {
			c.text, _ = appendText(append(c.text, ','), l.Name+rawSuffix)
			c.text, _ = appendText(append(c.text, ':'), base64.StdEncoding.EncodeToString([]byte(value)))
		}
	}
	c.text = append(c.text, '}')
	e.RawJSON(key, c.text)
}
