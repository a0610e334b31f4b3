package sql_test

import (
	"bytes"
	"testing"

	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// FuzzMasker: no text is a reason to panic, lengths stay, and how a text is cut makes no difference.
func FuzzMasker(f *testing.F) {
	for d, list := range withSecrets() {
		for _, statement := range list {
			f.Add([]byte(statement), uint8(d), uint8(3), true)
		}
	}
	for _, c := range cases() {
		f.Add([]byte(c.raw), uint8(c.dialect), uint8(1), false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, d, piece uint8, literals bool) {
		dialect := sql.Dialect(d % 4)
		whole, cut := bytes.Clone(raw), bytes.Clone(raw)
		masker := sql.NewMasker(dialect, true, literals)
		masker.Mask(whole)
		masker.Begin()
		for part := range slicesOf(cut, int(piece)%7+1) {
			masker.Mask(part)
		}
		masker.End()
		if !bytes.Equal(whole, cut) {
			t.Fatalf("in pieces %q, at once %q", cut, whole)
		}
		for _, detail := range []sql.Detail{sql.Fingerprint, sql.Text, sql.Off} {
			if s := sql.Analyse(raw, dialect, detail, 64); len(s.Text) > 64 || detail == sql.Off && s.Text != "" {
				t.Fatalf("%d bytes of text", len(s.Text))
			}
		}
		if without := sql.WithoutQuoted(raw); len(without) > len(raw)+1 {
			t.Fatalf("a message of %d bytes became one of %d", len(raw), len(without))
		}
	})
}

func slicesOf(b []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			k := min(n, len(b))
			if !yield(b[:k]) {
				return
			}
			b = b[k:]
		}
	}
}
