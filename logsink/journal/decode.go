package journal

import (
	"encoding"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Entry is a record that was read.
type Entry struct {
	Identity flow.Identity
	Record   flow.Record
	// Line is the line as it stands in the file, without its newline.
	Line []byte
}

// Decode reads a line, with or without its newline. Of the identity it knows the sequence number, and the rest only
// where the line itself tells it (journal.start, journal.rotated). It does not look at the chain: Verify does.
// Members that it does not know are ignored; an unknown word where the format has a closed list is an error.
func Decode(line []byte) (Entry, error) {
	var w wireRecord
	if err := json.Unmarshal(line, &w); err != nil {
		return Entry{}, fmt.Errorf("decode record: %w", err)
	}
	var d decoder
	e := Entry{Identity: flow.Identity{Seq: w.Seq}, Record: d.record(&w), Line: line}
	if j := e.Record.Journal; j != nil {
		e.Identity.Journal, e.Identity.Epoch = j.ID, j.Epoch
	}
	if d.err != nil {
		return e, fmt.Errorf("decode record %d: %w", w.Seq, d.err)
	}
	return e, nil
}

// decoder keeps the first error, so that the shape of the record stays readable.
type decoder struct{ err error }

func (d *decoder) word(v encoding.TextUnmarshaler, s string) {
	if err := v.UnmarshalText([]byte(s)); err != nil && d.err == nil {
		d.err = err
	}
}

// optional reads a word that is left out when there is none.
func (d *decoder) optional(v encoding.TextUnmarshaler, s string) {
	if s != "" {
		d.word(v, s)
	}
}

// text is the value of a text that may not be UTF-8.
func text(s string, raw []byte) string {
	if raw != nil {
		return string(raw)
	}
	return s
}

func (d *decoder) record(w *wireRecord) flow.Record {
	r := flow.Record{Time: w.Time}
	d.word(&r.Event, w.Event)
	if w.Service != nil {
		r.Service = text(w.Service.Name, w.Service.NameRaw)
	}
	if w.Session != nil {
		d.word(&r.Session, w.Session.ID)
	}
	r.Outcome = d.outcome(w)
	r.Backend = backend(w, r.Outcome != nil)
	r.Peer = d.peer(w)
	r.Origin = d.origin(w)
	r.Verdict = d.verdict(w.Rule)
	if r.Outcome != nil {
		r.Outcome.Refused = r.Verdict
	}
	r.Refusal = d.refusal(w.Refused)
	r.Alert = d.alert(w.Alert)
	r.Config = config(w.Config)
	r.Journal = journal(w.Journal)
	r.Host = host(w.Host)
	r.Beat = beat(w.Beat)
	return r
}

func (d *decoder) addrPort(a *wireAddress) netip.AddrPort {
	if a == nil || a.Address == "" {
		return netip.AddrPort{}
	}
	var addr netip.Addr
	d.word(&addr, a.Address)
	return netip.AddrPortFrom(addr, a.Port)
}

func (d *decoder) addrPorts(list []string) []netip.AddrPort {
	if len(list) == 0 {
		return nil
	}
	out := make([]netip.AddrPort, len(list))
	for i, s := range list {
		d.word(&out[i], s)
	}
	return out
}

func (d *decoder) peer(w *wireRecord) *flow.Peer {
	if w.Origin == nil || w.Origin.Zone == "" {
		return nil
	}
	p := &flow.Peer{Interface: text(w.Origin.Interface, w.Origin.InterfaceRaw)}
	d.word(&p.Zone, w.Origin.Zone)
	d.word(&p.Proof, w.Origin.Proof)
	if w.Network != nil {
		p.Addr = d.addrPort(w.Network.Peer)
	}
	p.Conveyed = d.conveyed(w)
	if f := w.Front; f != nil {
		p.Front = d.addrPort(&wireAddress{f.Address, f.Port})
		p.Path = text(f.Path, f.PathRaw)
	}
	return p
}

func (d *decoder) conveyed(w *wireRecord) *flow.Conveyed {
	if w.Header == nil {
		return nil
	}
	c := &flow.Conveyed{
		Client: d.addrPort(w.Client), Server: d.addrPort(w.Header.Server), Version: w.Header.Version,
	}
	d.optional(&c.Zone, w.Origin.ClientZone)
	return c
}

func backend(w *wireRecord, over bool) *flow.Endpoint {
	if w.Server == nil {
		return nil
	}
	p := &w.Server.wireEndpoint
	if over {
		p = w.Server.Configured
	}
	if p == nil {
		return nil
	}
	address := text(p.Address, p.AddressRaw)
	if isPath(address) {
		return &flow.Endpoint{Path: address}
	}
	return &flow.Endpoint{Host: address, Port: p.Port}
}

// isPath tells a Unix socket's path from a host, as flow.ParseEndpoint wants them.
func isPath(address string) bool {
	return strings.HasPrefix(address, "/") || strings.HasPrefix(address, "@")
}

func (d *decoder) outcome(w *wireRecord) *flow.Outcome {
	s := w.Session
	if s == nil || s.End == nil {
		return nil
	}
	o := &flow.Outcome{
		FromBackend: s.BytesFromBackend, Duration: time.Duration(s.Duration), Dial: time.Duration(s.Dial),
		FirstByte: time.Duration(s.FirstByte), Lane: text(s.Lane, s.LaneRaw), Tapped: s.Tapped, TapKept: s.TapKept,
		TapSkipped: s.TapSkipped, Detail: text(s.Detail, s.DetailRaw),
	}
	if s.BytesFromClient != nil {
		o.Known, o.FromClient = true, *s.BytesFromClient
	}
	d.word(&o.End, *s.End)
	d.optional(&o.EndedBy, s.EndedBy)
	if w.Network != nil {
		o.Leg = d.addrPort(w.Network.Local)
	}
	if v := w.Server; v != nil && !isPath(text(v.Address, v.AddressRaw)) {
		o.Server = d.addrPort(&wireAddress{v.Address, v.Port})
	}
	if w.TCP != nil {
		o.ClientTCP, o.BackendTCP = tcpInfoOf(w.TCP.Client), tcpInfoOf(w.TCP.Backend)
	}
	return o
}

func tcpInfoOf(w *wireTCPInfo) *flow.TCPInfo {
	if w == nil {
		return nil
	}
	return &flow.TCPInfo{RTT: time.Duration(w.RTT), Retransmits: w.Retransmits, Unsent: w.Unsent, Unread: w.Unread}
}
