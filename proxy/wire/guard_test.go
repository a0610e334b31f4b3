package wire

import (
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// broken panics at the bytes of the client, and at the end.
type broken struct{ ended int }

func (b *broken) Data(d flow.Direction, _ time.Time, _ []byte) error {
	if d == flow.FromClient {
		panic("index out of range")
	}
	return nil
}
func (b *broken) Skipped(flow.Direction, time.Time, uint64) error { return nil }
func (b *broken) Answered(time.Time, uint64, []byte) error        { return nil }
func (b *broken) End(time.Time)                                   { b.ended++; panic("again") }
func (b *broken) Encrypted() bool                                 { return false }
func (b *broken) Redact(d flow.Direction, _ []byte) bool          { return b.Data(d, time.Time{}, nil) == nil }
func (b *broken) Skip(flow.Direction, uint64) bool                { return true }

// brokenRedactor has Answered as redactors have it.
type brokenRedactor struct{ *broken }

func (brokenRedactor) Answered(uint64, []byte) {}

func config(trouble *[]string) Config {
	return Config{
		Protocol: func(string) string { return protocolRedis },
		Emit:     func(*flow.Record) {},
		Trouble:  func(service string, err error) { *trouble = append(*trouble, service+": "+err.Error()) },
	}
}

// TestDecodersThatPanic: the session goes on, the decoder is asked nothing more, and it is told once.
func TestDecodersThatPanic(t *testing.T) {
	var trouble []string
	d := New(config(&trouble))
	for range 2 {
		b := &broken{}
		s := d.Tap(&flow.Record{Service: "db"}).(*tap)
		s.decoder = b
		s.Data(flow.FromBackend, time.Now(), []byte("x"))
		s.Data(flow.FromClient, time.Now(), []byte("x"))
		s.Data(flow.FromClient, time.Now(), []byte("x"))
		s.Done(time.Now(), &flow.Outcome{})
		if b.ended != 1 {
			t.Errorf("ended %d times", b.ended)
		}
	}
	if len(trouble) != 1 || !strings.Contains(trouble[0], "a mistake in lodoor: index out of range") {
		t.Errorf("told %q", trouble)
	}
}

// TestRedactorsThatPanic: nothing more of the session is kept.
func TestRedactorsThatPanic(t *testing.T) {
	var trouble []string
	r := NewRedactors(config(&trouble)).For("db", flow.Redaction{Authentication: true})
	r.child = brokenRedactor{&broken{}}
	if !r.Redact(flow.FromBackend, nil) || r.Redact(flow.FromClient, nil) || r.Redact(flow.FromBackend, nil) ||
		r.Skip(flow.FromClient, 1) {
		t.Error("something is kept behind a panic")
	}
	if len(trouble) != 1 || !strings.Contains(trouble[0], "a mistake in lodoor: index out of range") {
		t.Errorf("told %q", trouble)
	}
}
