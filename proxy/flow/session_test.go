package flow

import (
	"crypto/rand"
	"encoding/base32"
	"testing"
)

// An identifier is base32 of its bits, as any other program writes it.
func TestSessionIDIsBase32(t *testing.T) {
	encoding := base32.NewEncoding(crockford).WithPadding(base32.NoPadding)
	for range 1000 {
		var raw [16]byte
		_, _ = rand.Read(raw[:10])
		if got, want := encodeSessionID(raw).String(), encoding.EncodeToString(raw[:10]); got != want {
			t.Fatalf("%x is %s, want %s", raw[:10], got, want)
		}
	}
	if first, second := NewSessionID(), NewSessionID(); first == second {
		t.Errorf("two identifiers are %s", first)
	}
}

func BenchmarkNewSessionID(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		NewSessionID()
	}
}
