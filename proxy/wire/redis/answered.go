package redis

import (
	"bytes"
	"fmt"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// tell reads what there is of an answer.
func (d *Decoder) tell(at time.Time, b []byte) (n int, err error) {
	if d.server.between() {
		if h := d.talk.head(); h != nil && h.verb == verbSync && b[0] != '-' {
			d.replicate(h, at)
			return 0, nil
		}
		d.answered, d.told = at, 0
		d.reply.reset()
	}
	n, whole, err := d.server.feed(b, (*listener)(d))
	d.told += uint64(n)
	if err != nil {
		return n, fmt.Errorf("redis: in an answer of the server: %w", err)
	}
	if !whole {
		return n, nil
	}
	m, err := d.talk.answer(&d.reply)
	switch {
	case err != nil:
		return n, fmt.Errorf("redis: %w", err)
	case m == notification:
		d.notify(at)
	default:
		d.answer(m, at)
	}
	return n, nil
}

// replicate ends what is read of a replica's connection: what follows is data for as long as it lasts.
func (d *Decoder) replicate(h *asked, at time.Time) {
	d.raw = true
	h.op.FirstByte = at.Sub(h.op.Started)
	h.op.LastByte = h.op.FirstByte
	d.emit(h.op)
	d.talk.pop()
}

// notify tells a message that nobody asked for.
func (d *Decoder) notify(at time.Time) {
	op := &flow.Operation{
		Protocol: "redis", System: "redis", Kind: "notification", Rows: -1,
		FromBackend: d.told, Started: d.answered, LastByte: at.Sub(d.answered),
	}
	r := &d.reply
	switch {
	case r.failed():
		d.fail(op, 0)
	case r.kind == '+':
		op.Name = "MONITOR"
	default:
		op.Name = string(bytes.ToUpper(r.first))
		d.channel(op)
	}
	d.describe(op)
	d.emit(op)
}

// channel tells the channel or the pattern that a message came by.
func (d *Decoder) channel(op *flow.Operation) {
	switch d.c.Statements {
	case flow.StatementsText:
		if op.Text = op.Name; len(d.reply.second) > 0 { // not so when keys follow in a list of their own
			op.Text = string(quote([]byte(op.Name+" "), d.reply.second))
		}
	case flow.StatementsFingerprint:
		op.Text = op.Name + " ?"
	default:
		return
	}
	op.Fingerprint = fingerprint(op.Name + " ?")
}

// answer tells the head what came for it.
func (d *Decoder) answer(m meaning, at time.Time) {
	h, r := d.talk.head(), &d.reply
	op := h.op
	if op.FromBackend == 0 {
		op.FirstByte = d.answered.Sub(op.Started)
	}
	op.FromBackend += d.told
	op.LastByte = at.Sub(op.Started)
	if r.failed() || h.verb == verbExec && len(r.status) > 0 {
		d.fail(op, h.masks)
	}
	if m == confirms {
		return
	}
	if op.Rows = r.rows; op.Name == "PIPELINE" {
		op.Rows = -1
	}
	op.Namespace = d.talk.database
	d.talk.effect(h, r)
	op.Transaction = d.talk.transaction
	d.name(op)
	over := h.count == 1
	d.talk.pop()
	if over {
		d.emit(op)
	}
	d.silent()
}

// fail tells an error, as far as privacy lets it be told.
func (d *Decoder) fail(op *flow.Operation, m masks) {
	r := &d.reply
	op.Failed, op.Status = true, string(r.status)
	told := r.told
	switch {
	case d.c.Statements == flow.StatementsOff, d.c.Statements == flow.StatementsFingerprint && m&maskErrors != 0:
		return
	case d.c.Statements == flow.StatementsFingerprint || m&(maskQuotes|maskAll) != 0:
		if i := bytes.IndexAny(told, "'\"`"); i >= 0 {
			told = append(told[:i:i], '?')
		}
	}
	op.Error = op.Status + string(told[:min(len(told), flow.OperationErrorMax-len(op.Status))])
}

// listener is a decoder that is told of an answer.
type listener Decoder

func (d *listener) open(byte, int64) {}

// begin decides how much of a value is kept: what tells what the answer is.
func (d *listener) begin(kind byte, _ int64) {
	l := &d.server
	switch {
	case failure(kind):
		l.keep = flow.OperationErrorMax
	case l.depth == 0 && kind == '+', l.depth == 1 && kind == ':', l.depth == 1 && l.index() == 0:
		l.keep = firstMax
	case l.depth == 1 && l.index() == 1:
		l.keep = noteMax
	default:
		l.keep = 0
	}
}

func (d *listener) part([]byte) {}

func (d *listener) end() { d.reply.value(&d.server) }

func (d *listener) shut() { d.reply.whole(&d.server) }
