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
	flag(d, "recorded", o.Recorded)
	if o.Known && o.Recorded {
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
	p, leg := peerOf(r), r.Outcome != nil && r.Outcome.Leg.IsValid()
	if p == nil && !leg {
		return
	}
	d := e.CreateDict()
	if p != nil {
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
	if p != nil {
		c.client(e, p)
	}
}

// peerOf is what a record says of the peer. A session.origin and an operation say nothing of it: the open has said it.
func peerOf(r *flow.Record) *flow.Peer {
	if r.Event == flow.EventSessionOrigin || r.Event == flow.EventOperation {
		return nil
	}
	return r.Peer
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

// client writes who the peer is taken for, and how one knows when that is somebody else: a header says so.
func (c *encoder) client(e *zerolog.Event, p *flow.Peer) {
	client := p.Addr
	if p.Conveyed != nil {
		client = p.Conveyed.Client
	}
	if client.IsValid() {
		d := e.CreateDict()
		c.addrPort(d, client)
		e.Dict("client", d)
	}
	if p.Conveyed != nil {
		c.header(e, p.Conveyed)
	}
	if p.Front.IsValid() || p.Path != "" {
		d := e.CreateDict()
		c.addrPort(d, p.Front)
		c.str(d, "path", p.Path)
		e.Dict("front", d)
	}
}

// header writes what else a PROXY header said.
func (c *encoder) header(e *zerolog.Event, h *flow.Conveyed) {
	d := e.CreateDict()
	d.Uint8("version", h.Version)
	if h.Server.IsValid() {
		server := e.CreateDict()
		c.addrPort(server, h.Server)
		d.Dict("server", server)
	}
	e.Dict("proxy_protocol", d)
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
