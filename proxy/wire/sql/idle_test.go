package sql_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// TestLongStringsAreReadAlike: passing over parts of long strings makes no difference. A byte at a time nothing is passed
// over.
func TestLongStringsAreReadAlike(t *testing.T) {
	filling := rapid.SampledFrom([]string{
		strings.Repeat("a quick brown fox ", 9), strings.Repeat("0123456789", 20), strings.Repeat("é-:/r", 40), "z",
		"password", "PassWD", "pwd", "passphrase", "IDENTIFIED BY ", "credential", "Secret", "https://u:p@h/", "''", `\'`, `\`, "$", "$a",
		"\n", "pass", "word", "://", "cre", "sph",
	})
	rapid.Check(t, func(t *rapid.T) {
		d := sql.Dialect(rapid.IntRange(0, 3).Draw(t, "dialect"))
		quote := rapid.SampledFrom([]string{"'", "\"", "$a$", "$$"}).Draw(t, "quote")
		content := strings.Join(rapid.SliceOfN(filling, 1, 12).Draw(t, "content"), "")
		raw := []byte("INSERT INTO t VALUES (" + quote + content + quote + ", 'y') -- the end")
		whole, single := bytes.Clone(raw), bytes.Clone(raw)
		sql.NewMasker(d, true, false).Mask(whole)
		one := sql.NewMasker(d, true, false)
		for i := range single {
			one.Mask(single[i : i+1])
		}
		if !bytes.Equal(whole, single) {
			t.Fatalf("of %q\nat once %q\nsingly  %q", raw, whole, single)
		}
		limit := rapid.IntRange(1, 3000).Draw(t, "limit")
		s := sql.Analyse(raw, d, sql.Text, limit)
		if len(s.Text) > limit || !s.Secret && (!bytes.HasPrefix(raw, []byte(s.Text)) || len(s.Text) < min(limit, len(raw))-3) || !s.Secret != bytes.Equal(raw, whole) {
			t.Fatalf("secret %t, told as %q, masked %q", s.Secret, s.Text, whole)
		}
	})
}

func BenchmarkMaskLong(b *testing.B) {
	raw := []byte("INSERT INTO t VALUES ('" + strings.Repeat("the quick brown fox, 0123456789 jumps ", 3000) + "')")
	m := sql.NewMasker(sql.PostgreSQL, true, false)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		m.Begin()
		m.Mask(raw)
	}
}
