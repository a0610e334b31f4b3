package main

import (
	"errors"
	"net/netip"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/peer"
)

// buildWire opens the capture of the network's own packets, when the configuration records those. The fronts are bound.
func (d *door) buildWire() (err error) {
	if d.config.Record.Dir == "" || d.config.Record.Source != pcapng.SourceWire {
		return nil
	}
	d.wire, err = d.recorder.NewWire(d.wireEnds(d.config))
	return err
}

// rewire captures the packets of other services.
func (d *door) rewire(c *configs.Config) error {
	switch wanted := c.Record.Dir != "" && c.Record.Source == pcapng.SourceWire; {
	case d.wire == nil && wanted:
		return errors.New("record.source: the network's own packets are recorded from the next start on; until then what lodoor reads")
	case d.wire == nil:
		return nil
	}
	return d.wire.Watch(d.wireEnds(c))
}

// wireEnds are the addresses whose packets are recorded.
func (d *door) wireEnds(c *configs.Config) (ends []pcapng.End) {
	own, _ := peer.OwnAddresses() // without them those of loopback are left
	for i := range c.Services {
		s := &c.Services[i]
		if !c.RecordOn(s) {
			continue
		}
		for _, front := range d.server.Fronts(s.Name) {
			for _, a := range wireAddresses(front, own) {
				ends = append(ends, pcapng.End{Service: s.Name, Addr: a})
			}
		}
		for _, a := range wireAddresses(s.Backend, own) {
			ends = append(ends, pcapng.End{Service: s.Name, Addr: a, Back: true})
		}
	}
	return ends
}

// wireAddresses are those that packets to an endpoint may go to. A Unix socket has none; a name that is not this host's own
// has none that is known.
func wireAddresses(e flow.Endpoint, own []netip.Addr) []netip.AddrPort {
	loopback := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	a, is := e.Addr()
	var all []netip.Addr
	switch {
	case e.IsUnix():
	case is && a.IsUnspecified():
		all = append(loopback, own...)
	case is:
		all = []netip.Addr{a}
	case e.Host == "" || e.Host == "localhost":
		all = loopback
	}
	ends := make([]netip.AddrPort, 0, len(all))
	for _, a := range all {
		ends = append(ends, netip.AddrPortFrom(a.Unmap().WithZone(""), e.Port))
	}
	return ends
}
