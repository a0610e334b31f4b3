package journal

import (
	"github.com/rs/zerolog"

	"github.com/lodoor/lodoor/proxy/flow"
)

func (c *encoder) service(e *zerolog.Event, r *flow.Record) {
	if r.Service == "" {
		return
	}
	d := e.CreateDict()
	c.str(d, "name", r.Service)
	e.Dict("service", d)
}

func (c *encoder) session(e *zerolog.Event, r *flow.Record) {
	if r.Session.IsZero() && r.Outcome == nil {
		return
	}
	d := e.CreateDict()
	if !r.Session.IsZero() {
		c.str(d, "id", string(r.Session[:]))
	}
	if o := r.Outcome; o != nil {
		c.outcome(d, o)
	}
	e.Dict("session", d)
}

// outcome leaves the counts out when they are not known: 0 never stands for unknown.
func (c *encoder) outcome(d *zerolog.Event, o *flow.Outcome) {
	if o.Known {
		d.Uint64("bytes_from_client", o.FromClient)
		d.Uint64("bytes_from_backend", o.FromBackend)
		d.Int64("duration_ns", o.Duration.Nanoseconds())
		nanoseconds(d, "dial_ns", o.Dial.Nanoseconds())
		nanoseconds(d, "first_byte_ns", o.FirstByte.Nanoseconds())
	}
	c.str(d, "lane", o.Lane)
	flag(d, "tapped", o.Tapped)
	if o.Known && o.Tapped {
		d.Uint64("tap_kept", o.TapKept)
		d.Uint64("tap_skipped", o.TapSkipped)
	}
	d.Str("end", o.End.String())
	name(d, "ended_by", o.EndedBy.String())
	c.str(d, "detail", o.Detail)
}

func nanoseconds(d *zerolog.Event, key string, n int64) {
	if n != 0 {
		d.Int64(key, n)
	}
}

// network writes network, client and front: the sockets' own ends, and who they are taken for.
func (c *encoder) network(e *zerolog.Event, r *flow.Record) {
	leg := r.Outcome != nil && r.Outcome.Leg.IsValid()
	if r.Peer == nil && !leg {
		return
	}
	d := e.CreateDict()
	if p := r.Peer; p != nil {
		name(d, "transport", transport(p))
		if p.Addr.IsValid() {
			peer := e.CreateDict()
			c.addrPort(peer, p.Addr)
			d.Dict("peer", peer)
		}
	}
	if leg {
		local := e.CreateDict()
		c.addrPort(local, r.Outcome.Leg)
		d.Dict("local", local)
	}
	e.Dict("network", d)
	if r.Peer != nil {
		c.client(e, r.Peer)
	}
}

func transport(p *flow.Peer) string {
	switch {
	case p.Path != "":
		return "unix"
	case p.Addr.IsValid() || p.Front.IsValid():
		return "tcp"
	default:
		return ""
	}
}

func (c *encoder) client(e *zerolog.Event, p *flow.Peer) {
	if p.Addr.IsValid() {
		d := e.CreateDict()
		c.addrPort(d, p.Addr)
		e.Dict("client", d)
	}
	if p.Front.IsValid() || p.Path != "" {
		d := e.CreateDict()
		c.addrPort(d, p.Front)
		c.str(d, "path", p.Path)
		e.Dict("front", d)
	}
}

// server writes the backend: as configured while nothing has been dialled, otherwise the address that was, with the
// configured one inside.
func (c *encoder) server(e *zerolog.Event, r *flow.Record) {
	dialled := r.Outcome != nil && r.Outcome.Server.IsValid()
	if r.Backend == nil && !dialled {
		return
	}
	d := e.CreateDict()
	switch {
	case r.Outcome == nil:
		c.endpoint(d, r.Backend)
	case dialled:
		c.addrPort(d, r.Outcome.Server)
	default: // a Unix socket has one address, dialled or not
		c.str(d, "address", r.Backend.Path)
	}
	if r.Outcome != nil && r.Backend != nil {
		configured := e.CreateDict()
		c.endpoint(configured, r.Backend)
		d.Dict("configured", configured)
	}
	e.Dict("server", d)
}

func (c *encoder) endpoint(d *zerolog.Event, p *flow.Endpoint) {
	if p.IsUnix() {
		c.str(d, "address", p.Path)
		return
	}
	c.str(d, "address", p.Host)
	count(d, "port", uint64(p.Port))
}

// origin writes origin and process. Of an origin that nothing is known of it writes nothing but that.
func (c *encoder) origin(e *zerolog.Event, r *flow.Record) {
	if r.Peer == nil && r.Origin == nil {
		return
	}
	d := e.CreateDict()
	if p := r.Peer; p != nil {
		d.Str("zone", p.Zone.String())
		d.Str("proof", p.Proof.String())
		c.str(d, "interface", p.Interface)
	}
	known := r.Origin != nil && r.Origin.Attribution != flow.AttributionNone
	if r.Origin != nil {
		d.Str("attribution", r.Origin.Attribution.String())
	}
	if known {
		c.str(d, "program", r.Origin.Program)
	}
	e.Dict("origin", d)
	if known {
		c.process(e, r.Origin)
	}
}

func (c *encoder) process(e *zerolog.Event, o *flow.Origin) {
	d := e.CreateDict()
	if o.PID != 0 {
		d.Int("pid", o.PID)
	}
	user := e.CreateDict()
	user.Uint32("id", o.UID)
	c.str(user, "name", o.User)
	d.Dict("user", user)
	e.Dict("process", d)
}
