package pcapng

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/capture"
	"github.com/lodoor/lodoor/proxy/flow"
)

// asSeen is the section header's comment of real packets.
const asSeen = "the network's own packets, as they passed the interface"

// maxOpened is how many sessions may wait for their packets, to be told whose they are.
const maxOpened = 4096

// End is where a service listens: a front, or the address of a backend.
type End struct {
	Service string
	Addr    netip.AddrPort
	Back    bool
}

// Wire records the network's own packets instead of the relay's reads: source: wire. Its files are those of the recorder.
type Wire struct {
	recorder *Recorder
	capture  *capture.Capture
	text     []byte // the block in hand

	mu   sync.Mutex
	ends map[netip.AddrPort]End
}

// opened are the sessions that began, by the client's address, until a packet of theirs was written.
type opened struct {
	mu  sync.Mutex
	all map[connection]*flow.Record
}

func (o *opened) add(open *flow.Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil || len(o.all) >= maxOpened {
		o.all = map[connection]*flow.Record{}
	}
	o.all[connection{plain(open.Peer.Addr), plain(open.Peer.Front)}] = open
}

func (o *opened) take(c connection) *flow.Record {
	o.mu.Lock()
	defer o.mu.Unlock()
	open := o.all[c]
	delete(o.all, c)
	return open
}

// NewWire opens a capture of the packets to and from ends. It needs CAP_NET_RAW; what fails says what to do. Services
// that the recorder does not want are left out.
func (r *Recorder) NewWire(ends []End) (*Wire, error) {
	c, err := capture.New(capture.Config{Ends: addresses(ends)})
	if err != nil {
		return nil, fmt.Errorf("record with source: wire: %w", err)
	}
	w := &Wire{recorder: r, capture: c}
	w.note(ends)
	return w, nil
}

func addresses(ends []End) (all []netip.AddrPort) {
	for _, e := range ends {
		all = append(all, e.Addr)
	}
	return all
}

func (w *Wire) note(ends []End) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends = map[netip.AddrPort]End{}
	for _, e := range ends {
		if _, first := w.ends[e.Addr]; !first {
			w.ends[e.Addr] = e
		}
	}
}

// Watch captures the packets of other ends from now on.
func (w *Wire) Watch(ends []End) error {
	if err := w.capture.Watch(addresses(ends)); err != nil {
		return fmt.Errorf("record with source: wire: %w", err)
	}
	w.note(ends)
	return nil
}

// Run records until ctx ends. A disk that fails is told to Config.Trouble; the error is that of the interface.
func (w *Wire) Run(ctx context.Context) error {
	if err := w.capture.Run(ctx, w.record); err != nil {
		return fmt.Errorf("record with source: wire: %w", err)
	}
	return nil
}

// Stats are how many packets there were, and for how many of them there was no room.
func (w *Wire) Stats() (capture.Stats, error) { return w.capture.Stats() }

// Close ends the capture. Run must have returned.
func (w *Wire) Close() error { return w.capture.Close() }

func (w *Wire) record(p capture.Packet) {
	w.mu.Lock()
	end, known := w.ends[p.End]
	w.mu.Unlock()
	if !known {
		return
	}
	r := w.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.queue.failed.Load() || r.queue.over() {
		return
	}
	if err := w.write(end, &p); err != nil {
		r.fail(err)
	}
}

// write adds a packet to the service's file, without a copy of what there is no room for on the disk.
func (w *Wire) write(end End, p *capture.Packet) error {
	r := w.recorder
	standing, wanted := r.table.Standing(end.Service)
	if !wanted {
		return nil
	}
	l := track{service: end.Service, wire: true}
	if standing.Plan.Ring {
		l.repeat = max(r.writer.ringAge/4, 1)
	} else if cost := int64(packetCost + len(p.Data)); !r.budget.takePayload(cost) {
		return nil
	} else {
		defer r.budget.settle(cost, 0)
	}
	at := p.At.UnixNano()
	f, err := r.writer.fileFor(l, nil, at)
	if err != nil {
		return err
	}
	leg, data := uint32(legFront), p.Data
	if end.Back {
		leg = legBack
	}
	if snap := int(standing.Plan.SnapPayload); snap > 0 {
		data = data[:min(len(data), maxHeaderLen+snap)]
	}
	out := block.Packet{Interface: leg, At: p.At, Data: data, Length: uint32(p.Length)}
	if c := w.comment(p, len(data)); c != "" {
		out.Comments = []string{c}
	}
	w.text = block.AppendPacket(w.text[:0], &out)
	f.at = at
	if err := f.append(at, w.text); err != nil {
		return err
	}
	f.count(leg, at, &segment{length: p.Length - len(data)})
	return nil
}

// comment says whose packet it is, on the first that comes once the session is known.
func (w *Wire) comment(p *capture.Packet, kept int) string {
	c := connection{p.Source, p.Destination}
	if p.FromEnd {
		c = connection{p.Destination, p.Source}
	}
	var text block.Comment
	if open := w.recorder.opened.take(c); open != nil {
		text.Session, text.Service = open.Session.String(), short(open.Service)
		if o := open.Origin; o != nil && o.Known() {
			text.Program, text.User, text.PID = short(o.Program), short(o.User), o.PID
		}
		if v := open.Verdict; v != nil {
			text.Verdict, text.Rule = v.Action.String(), short(v.Rule)
		}
	}
	if kept < p.Length {
		text.NotKept, text.Why = uint64(p.Length-kept), block.WhySnap
	}
	if text.Session == "" && text.NotKept == 0 {
		return ""
	}
	return text.String()
}

// tapless notes a session whose packets a Wire records.
func (r *Recorder) tapless(open *flow.Record) bool {
	if r.wire.Load() {
		r.opened.add(open)
		return true
	}
	return false
}
