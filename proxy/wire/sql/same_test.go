package sql_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/wire/sql"
)

func fingerprint(raw string, d sql.Dialect) uint64 {
	return sql.Analyse([]byte(raw), d, sql.Off, 0).Fingerprint
}

// TestSameFingerprint: what differs in white space, comments, case and literals only is the same.
func TestSameFingerprint(t *testing.T) {
	for _, group := range [][]string{
		{"select a from t where id in (1,2,3)", "SELECT a FROM t WHERE id IN (4)", "SELECT a FROM t WHERE id IN ($1, $2);"},
		{"insert into t values (1, 'a')", "INSERT INTO t VALUES (2,'b'), (3,'c')  -- two"},
		{"update t set a = -1", "UPDATE t SET a=5"},
		{"select 1", "/* by: me */ SELECT 'x'"},
	} {
		for _, other := range group[1:] {
			if fingerprint(group[0], sql.PostgreSQL) != fingerprint(other, sql.PostgreSQL) {
				t.Errorf("%q and %q have different fingerprints", group[0], other)
			}
		}
	}
	different := []string{
		"select a from t", "select b from t", "select a from t where b = 1", "select a from t where b in (1)", "select a, b from t",
		"select ab from t", `select "a" from t`, "select a from t, t", "insert into t values (1)", "insert into t values (1, 2)",
	}
	seen := map[uint64]string{}
	for _, s := range different {
		if was, twice := seen[fingerprint(s, sql.PostgreSQL)]; twice {
			t.Errorf("%q and %q have the same fingerprint", was, s)
		}
		seen[fingerprint(s, sql.PostgreSQL)] = s
	}
}

// TestFingerprintOfAnyLiteral: no literal changes a fingerprint, and none is in its text.
func TestFingerprintOfAnyLiteral(t *testing.T) {
	const statement = "INSERT INTO t (a, b) SELECT x, § FROM y WHERE c = § AND d IN (§, §) LIMIT 5"
	want := sql.Analyse([]byte(strings.ReplaceAll(statement, "§", "1")), sql.PostgreSQL, sql.Fingerprint, 1<<10)
	rapid.Check(t, func(t *rapid.T) {
		literal := "'" + strings.ReplaceAll(rapid.String().Draw(t, "literal"), "'", "''") + "'"
		got := sql.Analyse([]byte(strings.ReplaceAll(statement, "§", literal)), sql.PostgreSQL, sql.Fingerprint, 1<<10)
		if got != want {
			t.Fatalf("with %s: %+v, want %+v", literal, got, want)
		}
	})
}

func TestTextIsCut(t *testing.T) {
	for _, detail := range []sql.Detail{sql.Fingerprint, sql.Text} {
		s := sql.Analyse([]byte("SELECT abc FROM t"), sql.PostgreSQL, detail, 10)
		if s.Text != "SELECT abc" || !s.Cut {
			t.Errorf("the text is %q, cut %t", s.Text, s.Cut)
		}
	}
	if s := sql.Analyse([]byte("SELECT é"), sql.PostgreSQL, sql.Text, len("SELECT é")-1); s.Text != "SELECT " || !s.Cut {
		t.Errorf("half a character is left: %q, cut %t", s.Text, s.Cut)
	}
	s := sql.Analyse([]byte("ALTER ROLE bob PASSWORD 'geheim' LOGIN"), sql.PostgreSQL, sql.Text, 100)
	if s.Text != "ALTER ROLE bob PASSWORD '***' LOGIN" || s.Cut || !s.Secret {
		t.Errorf("the text is %q, cut %t, secret %t", s.Text, s.Cut, s.Secret)
	}
}

// TestLiteralsMasked: with literals nothing of any string, number or comment is left, and without a secret nothing else
// is touched.
func TestLiteralsMasked(t *testing.T) {
	for _, c := range []struct{ raw, without, literals string }{
		{"SELECT a1 FROM t WHERE b = 'it''s' AND c > 1.5 -- why\n;",
			"SELECT a1 FROM t WHERE b = 'it''s' AND c > 1.5 -- why\n;",
			"SELECT a1 FROM t WHERE b = 'xx''x' AND c > 0.0 -- xxx\n;"},
		{"SELECT x'ff', $1, $a$b$a$, \"name\"", "SELECT x'ff', $1, $a$b$a$, \"name\"", "SELECT x'00', $1, $a$x$a$, \"name\""},
	} {
		for _, literals := range []bool{false, true} {
			b := []byte(c.raw)
			sql.NewMasker(sql.PostgreSQL, true, literals).Mask(b)
			if want := map[bool]string{false: c.without, true: c.literals}[literals]; string(b) != want {
				t.Errorf("literals %t:\n got %s\nwant %s", literals, b, want)
			}
		}
	}
}

func TestWhatFollowsAGapIsMasked(t *testing.T) {
	m := sql.NewMasker(sql.PostgreSQL, true, false)
	m.Mask([]byte("SELECT 1, '"))
	m.Skip(1)
	b := []byte("geheim")
	m.Mask(b)
	if string(b) != "xxxxxx" {
		t.Errorf("behind a gap there is %s", b)
	}
	m.Begin()
	if m.Mask(b[:copy(b, "SELECT")]); string(b) != "SELECT" {
		t.Errorf("of the next text there is %s", b)
	}
}

func TestManyEchoesMaskEverything(t *testing.T) {
	var e sql.Echoes
	if !e.Empty() {
		t.Fatal("there is something to overwrite in the beginning")
	}
	b := []byte("an error")
	if e.Mask(b); string(b) != "an error" {
		t.Fatalf("nothing was remembered, and the message became %s", b)
	}
	e.Remember(make([]byte, sql.EchoMax))
	if e.Mask(b); string(b) != "xxxxxxxx" {
		t.Fatalf("a secret was too long to be remembered, and the message is %s", b)
	}
}

func TestWithoutQuoted(t *testing.T) {
	for message, want := range map[string]string{
		`relation "users" does not exist`:                                 `relation ? does not exist`,
		`invalid input syntax for type integer: "a"b" "`:                  `invalid input syntax for type integer: ?`,
		`Duplicate entry '1-x' for key 'PRIMARY'`:                         `Duplicate entry ?`,
		`Key (email)=(a@b.c) already exists.`:                             `Key (email)? already exists.`,
		`can't find it`:                                                   `can't find it`,
		`value 4711 is out of range for int4`:                             `value ? is out of range for int4`,
		`Relation »users« existiert nicht`:                                `Relation ? existiert nicht`,
		`unterminated quoted string at or near "'geheim`:                  `unterminated quoted string at or near ?`,
		`You have an error in your SQL syntax near ''a' AND 1' at line 1`: `You have an error in your SQL syntax near ? at line ?`,
	} {
		if got := string(sql.WithoutQuoted([]byte(message))); got != want {
			t.Errorf("%s\n got %s\nwant %s", message, got, want)
		}
	}
}
