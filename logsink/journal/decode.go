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
	if err := unmarshal(line, &w); err != nil {
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

// unmarshal reads what stands on the wire. What is not as the encoder writes it takes eight times as long.
func unmarshal(line []byte, w *wireRecord) error {
	if scan(line, w) {
		return nil
	}
	slow := new(wireRecord) // of its own, since encoding/json lets it escape to the heap
	err := json.Unmarshal(line, slow)
	*w = *slow
	return err
}

// decoder keeps the first error, so that the shape of the record stays readable.
type decoder struct {
	err     error
	scratch []byte // the word that is read
}

// keep keeps err, if it is the first one.
func (d *decoder) keep(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *decoder) word(v encoding.TextUnmarshaler, s string) {
	d.scratch = append(d.scratch[:0], s...)
	d.keep(v.UnmarshalText(d.scratch))
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
	r.Event = d.event(w.Event)
	if s := w.Service.get(); s != nil {
		r.Service = text(s.Name, s.NameRaw)
	}
	if s := w.Session.get(); s != nil {
		r.Session = d.session(s.ID)
	}
	r.Outcome = d.outcome(w)
	r.Backend = backend(w, r.Outcome != nil)
	r.Peer = d.peer(w)
	r.Origin = d.origin(w)
	r.Verdict = d.verdict(w.Rule.get())
	if r.Outcome != nil {
		r.Outcome.Refused = r.Verdict
	}
	r.Refusal = d.refusal(w.Refused.get())
	r.Alert = d.alert(w.Alert.get())
	r.Config = config(w.Config.get())
	r.Journal = journal(w.Journal.get())
	r.Host = host(w.Host.get())
	r.Beat = beat(w.Beat.get())
	r.Operation = d.operation(w)
	return r
}

func (d *decoder) event(name string) flow.Event {
	e := eventOf([]byte(name))
	if e == flow.EventUnknown {
		d.keep(e.UnmarshalText([]byte(name)))
	}
	return e
}

func (d *decoder) session(text string) (id flow.SessionID) {
	d.keep(id.UnmarshalText([]byte(text)))
	return id
}

func (d *decoder) addrPort(a *wireAddress) netip.AddrPort {
	if a == nil || a.Address == "" {
		return netip.AddrPort{}
	}
	addr, err := netip.ParseAddr(a.Address)
	d.keep(err)
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
	o := w.Origin.get()
	if o == nil || o.Zone == "" {
		return nil
	}
	p := &flow.Peer{Interface: text(o.Interface, o.InterfaceRaw)}
	d.word(&p.Zone, o.Zone)
	d.word(&p.Proof, o.Proof)
	if n := w.Network.get(); n != nil {
		p.Addr = d.addrPort(n.Peer.get())
	}
	p.Conveyed = d.conveyed(w)
	if f := w.Front.get(); f != nil {
		p.Front = d.addrPort(&wireAddress{f.Address, f.Port})
		p.Path = text(f.Path, f.PathRaw)
	}
	return p
}

func (d *decoder) conveyed(w *wireRecord) *flow.Conveyed {
	h := w.Header.get()
	if h == nil {
		return nil
	}
	c := &flow.Conveyed{Client: d.addrPort(w.Client.get()), Server: d.addrPort(h.Server.get()), Version: h.Version}
	d.optional(&c.Zone, w.Origin.value.ClientZone)
	return c
}

func backend(w *wireRecord, over bool) *flow.Endpoint {
	s := w.Server.get()
	if s == nil {
		return nil
	}
	p := &s.wireEndpoint
	if over {
		p = s.Configured.get()
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
	s := w.Session.get()
	if s == nil || !s.End.present {
		return nil
	}
	o := &flow.Outcome{
		FromBackend: s.BytesFromBackend, Duration: time.Duration(s.Duration), Dial: time.Duration(s.Dial),
		FirstByte: time.Duration(s.FirstByte), Lane: text(s.Lane, s.LaneRaw), Tapped: s.Tapped,
		Recorded: s.Recorded || s.TapKept.present, TapKept: s.TapKept.value, TapSkipped: s.TapSkipped, Detail: text(s.Detail, s.DetailRaw),
	}
	o.Known, o.FromClient = s.BytesFromClient.present, s.BytesFromClient.value
	d.word(&o.End, s.End.value)
	d.optional(&o.EndedBy, s.EndedBy)
	if n := w.Network.get(); n != nil {
		o.Leg = d.addrPort(n.Local.get())
	}
	if v := w.Server.get(); v != nil && !isPath(text(v.Address, v.AddressRaw)) {
		o.Server = d.addrPort(&wireAddress{v.Address, v.Port})
	}
	if t := w.TCP.get(); t != nil {
		o.ClientTCP, o.BackendTCP = tcpInfoOf(t.Client.get()), tcpInfoOf(t.Backend.get())
	}
	return o
}

func tcpInfoOf(w *wireTCPInfo) *flow.TCPInfo {
	if w == nil {
		return nil
	}
	return &flow.TCPInfo{RTT: time.Duration(w.RTT), Retransmits: w.Retransmits, Unsent: w.Unsent, Unread: w.Unread}
}
