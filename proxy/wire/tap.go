package wire

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// tap is one session's tap. It has three states: while it looks for the protocol it has a search, then a decoder, and
// when there is nothing more to be read neither.
type tap struct {
	decoders *Decoders

	mu      sync.Mutex
	record  flow.Record // what is emitted, but for the operation
	found   string      // the protocol, when it was searched for
	search  search
	decoder decoder
	off     bool
	now     time.Time // of what is being told
}

// Room says yes: what is read is never held.
func (*tap) Room(flow.Direction, func()) bool { return true }

// Data has the decoder read bytes.
func (t *tap) Data(d flow.Direction, at time.Time, b []byte) {
	t.do(at, func() error {
		if t.decoder == nil {
			return t.look(said{dir: d, at: at, bytes: b})
		}
		return t.decoder.Data(d, at, b)
	})
}

// Skipped tells the decoder of bytes that nobody saw.
func (t *tap) Skipped(d flow.Direction, at time.Time, n uint64) {
	t.do(at, func() error {
		if t.decoder == nil {
			return t.look(said{dir: d, at: at, skipped: n})
		}
		return t.decoder.Skipped(d, at, n)
	})
}

// Answered tells the decoder what lodoor said itself.
func (t *tap) Answered(at time.Time, taken uint64, reply []byte) {
	t.do(at, func() error {
		if t.decoder == nil {
			return t.look(said{answered: true, at: at, skipped: taken, bytes: reply})
		}
		return t.decoder.Answered(at, taken, reply)
	})
}

// do has the decoder do something. When it cannot, or what follows is encrypted, it is switched off.
func (t *tap) do(at time.Time, read func() error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.off {
		return
	}
	t.now = at
	if err := guarded(read); err != nil {
		t.failed(err)
		return
	}
	if t.decoder != nil && t.decoder.Encrypted() {
		t.encrypted(t.protocol())
	}
}

// guarded turns a panic into an error: a session must not end because somebody reads along.
func guarded(read func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the reader itself failed, which is a mistake in lodoor: %v", p)
		}
	}()
	return read()
}

func (t *tap) protocol() string {
	if t.found != "" {
		return t.found
	}
	return t.decoders.config.Protocol(t.record.Service)
}

// failed switches the decoder off. What it knows of unfinished operations is told, unless that fails, too.
func (t *tap) failed(err error) {
	protocol := t.protocol()
	t.turnOff()
	trouble(&t.decoders.config, &t.decoders.once, t.record.Service, protocol,
		fmt.Errorf("read %s of %s: %w; nothing more of such a session is read, the session goes on", protocol, t.record.Service, err))
}

func (t *tap) encrypted(protocol string) {
	t.turnOff()
	t.decoders.note(t.record.Service, NoteEncrypted, encrypted(t.record.Service, protocol))
}

// turnOff ends the decoder.
func (t *tap) turnOff() {
	if d := t.decoder; d != nil {
		_ = guarded(func() error { d.End(t.now); return nil })
	}
	t.decoder, t.search, t.off = nil, search{}, true
}

// emit tells an operation, within a call of the decoder.
func (t *tap) emit(o *flow.Operation) {
	t.record.Operation = o
	t.record.Time = o.Started.Add(max(o.Asked, o.LastByte))
	if o.Unfinished && t.now.After(t.record.Time) {
		t.record.Time = t.now // so long it was waited for
	}
	t.decoders.config.Emit(&t.record)
	t.record.Operation = nil
}

// Written is for nobody here: a question is read when it is asked, not when the backend has it.
func (*tap) Written(flow.Direction, time.Time, uint64) {}

// Shut is for nobody here: an operation's end is known by its answer, or by the session's end.
func (*tap) Shut(flow.Direction, time.Time) {}

// Done tells what is unfinished. A decoder keeps nothing of the bytes.
func (t *tap) Done(at time.Time, _ *flow.Outcome) (kept, skipped uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.off {
		t.now = at
		t.turnOff()
	}
	return 0, 0
}

// Connected is for nobody here.
func (*tap) Connected(time.Time, netip.AddrPort, netip.AddrPort) {}

// Origin has later operations say who asked.
func (t *tap) Origin(o *flow.Origin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.record.Origin = o
}
