package recording

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/proxy/flow"
)

// Copy writes sessions of a recording into a new one. The section's comment, the interfaces and the names of addresses
// are kept; counts of packets are not, since they are of all sessions.
type Copy struct {
	// Secrets says whether what decrypts TLS is copied, too.
	Secrets bool
	// Reveal are lines of a TLS key log that decrypt the sessions; they are written ahead of the first packet.
	Reveal []byte
	// Edit may overwrite the payload of a Data event, whose Leg says which connection it is of. What is missing comes with
	// it, and counts behind it. When it answers false the rest of the session is copied without its payload. nil leaves
	// everything as it is.
	//
	// It sees each byte of a connection once and in order. Of real packets, what came again or too early is overwritten
	// without being shown to it.
	Edit func(e *Event) bool
	// Overwrites is what Edit overwrites; the sessions' comments say so, beside what was overwritten before.
	Overwrites flow.Redaction
}

// mask is what is written over payload that nobody has seen.
const mask = 'x'

// Write reads a recording to its end, from where r is, and writes the sessions that r's Options choose to out: both legs,
// whatever the Options say of them. The error is nil when all was read, and otherwise that of Next or of writing; what
// was written is whole all the same.
func (c Copy) Write(out io.Writer, r *Reader) error {
	w := &copier{Copy: c, out: bufio.NewWriterSize(out, copyBuffer), withheld: map[*session]bool{}}
	r.track.want, r.track.hold = LegBoth, c.Edit == nil
	for {
		r.track.events = r.track.events[:0]
		b, err := r.step()
		if errors.Is(err, io.EOF) {
			return w.flush(nil)
		}
		if err != nil {
			return w.flush(err)
		}
		if err := w.block(r, b); err != nil {
			return err
		}
	}
}

const copyBuffer = 256 << 10

// copier writes a copy.
type copier struct {
	Copy
	out      *bufio.Writer
	packed   []byte
	withheld map[*session]bool // whose payload is not copied any more
}

func (w *copier) flush(err error) error {
	if failed := w.out.Flush(); failed != nil {
		err = errors.Join(err, fmt.Errorf("write the copy: %w", failed))
	}
	return err
}

// block writes what a block becomes.
func (w *copier) block(r *Reader, b *block.Block) error {
	w.packed = w.packed[:0]
	switch b.Kind {
	case block.KindSection:
		w.packed = block.AppendSection(w.packed, &b.Section)
		if len(w.Reveal) > 0 {
			w.packed = block.AppendSecrets(w.packed, &block.Secrets{Type: block.SecretsTLS, Data: w.Reveal})
		}
	case block.KindInterface:
		w.packed = block.AppendInterface(w.packed, &b.Interface)
	case block.KindNames:
		w.packed = block.AppendNames(w.packed, b.Names)
	case block.KindSecrets:
		if w.Secrets {
			w.packed = block.AppendSecrets(w.packed, &b.Secrets)
		}
	case block.KindPacket:
		if s := r.leg; s != nil && s.session != nil && s.session.chosen {
			w.packet(r, &b.Packet)
		}
	}
	if _, err := w.out.Write(w.packed); err != nil {
		return fmt.Errorf("write the copy: %w", err)
	}
	return nil
}

// packet writes a packet of a chosen session.
func (w *copier) packet(r *Reader, p *block.Packet) {
	s := r.leg.session
	if w.Edit != nil {
		w.edit(r, s)
		p.Data = p.Data[:r.segment.head+len(r.segment.payload)] // without what pads a frame
		if w.withheld[s] {
			withhold(p, &r.segment)
		}
		if len(r.segment.payload) > 0 || w.withheld[s] {
			r.segment.sumUp()
		}
	}
	w.mark(p)
	w.packed = block.AppendPacket(w.packed, p)
	for i := range r.track.events {
		if r.track.events[i].Kind == Ended {
			delete(w.withheld, s)
		}
	}
}

// mark has the comments that say whose packets follow say what is overwritten in them.
func (w *copier) mark(p *block.Packet) {
	if w.Overwrites == (flow.Redaction{}) {
		return
	}
	for i, text := range p.Comments {
		c, ours := block.ParseComment(text)
		if !ours || c.Session == "" || c.Service == "" {
			continue
		}
		before, _ := flow.ParseRedaction(c.Redacted)
		c.Redacted = before.With(w.Overwrites).String()
		p.Comments[i] = c.String()
	}
}

// edit shows a packet's payload to Edit, and overwrites what of it is not told now.
func (w *copier) edit(r *Reader, s *session) {
	unseen := len(r.segment.payload)
	for i := range r.track.events {
		e := &r.track.events[i]
		if e.Kind != Data || w.withheld[s] {
			continue
		}
		unseen -= len(e.Payload)
		if !w.Edit(e) {
			w.withheld[s] = true
		}
	}
	for i := range r.segment.payload[:max(unseen, 0)] {
		r.segment.payload[i] = mask
	}
}

// withhold takes the payload out of a packet, and says so.
func withhold(p *block.Packet, s *segment) {
	n := len(s.payload)
	if n == 0 {
		return
	}
	p.Data = p.Data[:s.head]
	s.tcp, s.payload = s.tcp[:len(s.tcp)-n], nil
	c := block.Comment{NotKept: uint64(s.length), Why: block.WhyNotRedactable}
	p.Comments = append(p.Comments, c.String())
}
