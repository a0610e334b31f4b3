package http

import (
	"strconv"

	"github.com/lodoor/lodoor/proxy/flow"
)

// asker is a decoder that is told of a request.
type asker Decoder

func (d *asker) target([]byte) {}
func (d *asker) value([]byte)  {}

func (d *asker) field() {
	if d.client.tail {
		return
	}
	switch p := &d.client; string(p.name) {
	case "user-agent":
		d.agent = string(p.text)
	case "authorization":
		d.auth = scheme(p.text)
	}
}

func (d *asker) head() error {
	p := &d.client
	x, err := d.queue.ask(p)
	if err != nil {
		return err
	}
	x.op = &flow.Operation{
		Protocol: "http", Name: string(p.parts[0]), Rows: -1, FromClient: d.sent, Started: d.started, Application: d.agent,
		Auth: d.auth,
	}
	x.op.Text, x.op.Fingerprint = target(x.op.Name, p.parts[1], d.c.Statements)
	x.op.Cut = p.sizes[1] > len(p.parts[1]) && d.c.Statements != flow.StatementsOff
	if d.queue.text+len(x.op.Text) > waitingTextMax {
		x.op.Text, x.op.Cut = "", true
	}
	x.text = len(x.op.Text)
	d.queue.text += x.text
	return nil
}

func (d *asker) body([]byte) {
	if d.queue.asking != nil {
		d.queue.asking.started = true
	}
}

// teller is a decoder that is told of a response.
type teller Decoder

func (d *teller) target([]byte) {}
func (d *teller) value([]byte)  {}
func (d *teller) field()        {}
func (d *teller) body([]byte)   {}

func (d *teller) head() error {
	p, x := &d.server, d.answering
	if p.framing.interim() {
		return nil
	}
	op := x.op
	op.FirstByte = d.answered.Sub(op.Started)
	op.Status = strconv.Itoa(p.framing.status)
	if op.Failed = p.framing.status >= 400; op.Failed && d.c.Statements != flow.StatementsOff {
		op.Error = string(p.parts[2])
	}
	if p.framing.status == switching || x.connect && p.framing.status/100 == 2 {
		op.Kind = "upgrade"
	}
	return nil
}
