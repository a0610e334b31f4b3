package sql_test

import (
	"testing"

	"github.com/lodoor/lodoor/proxy/wire/sql"
)

type analysed struct {
	dialect    sql.Dialect
	raw        string
	name, text string
}

func cases() []analysed {
	const pg, my = sql.PostgreSQL, sql.MySQL
	return []analysed{
		{pg, "", "", ""},
		{pg, "  -- nothing\n /* at /* all */ */ ;", "", ""},
		{pg, "select  *\n\tfrom t where a = 'x' and b=1.5e-3;", "SELECT", "select * from t where a = ? and b=?"},
		{pg, "SELECT 'it''s', E'a\\'b', $$d'o$$, $t$ $$ $t$, U&'x', B'01' FROM \"T\"", "SELECT", `SELECT ?, ?, ?, ?, U&?, ? FROM "T"`},
		{pg, "SELECT a FROM t WHERE id IN (1, 2 , -3, $4)", "SELECT", "SELECT a FROM t WHERE id IN (?)"},
		{pg, "SELECT a FROM t WHERE id IN (f(1, 2), 3)", "SELECT", "SELECT a FROM t WHERE id IN (f(?, ?), ?)"},
		{pg, "SELECT ARRAY[1,2,3]", "SELECT", "SELECT ARRAY[?]"},
		{pg, "insert into t (a, b) values (1, 'x'), (2, now()), (3, default) on conflict do nothing", "INSERT",
			"insert into t (a, b) values (?, ?) on conflict do nothing"},
		{my, "INSERT INTO t VALUES (1,2),(3,4) ON DUPLICATE KEY UPDATE a=VALUES(a), b=VALUES(b)", "INSERT",
			"INSERT INTO t VALUES (?,?) ON DUPLICATE KEY UPDATE a=VALUES(a), b=VALUES(b)"},
		{pg, "SELECT a - 1, -1, a = -1, (+2) FROM t LIMIT 10 OFFSET 20", "SELECT", "SELECT a - ?, ?, a = ?, (?) FROM t LIMIT ? OFFSET ?"},
		{pg, "SELECT $1::int, t.a, count(*) FROM t", "SELECT", "SELECT $1::int, t.a, count(*) FROM t"},
		{my, "SELECT `a``b`, \"str\\\"ing\", 0x1F, x'1f', _utf8'x', @v, ? # end", "SELECT", "SELECT `a``b`, ?, ?, ?, ?, @v, ?"},
		{my, "SELECT 5--3 -- comment", "SELECT", "SELECT ?--?"},
		{my, "/*!40101 SET NAMES utf8 */;", "SET", "SET NAMES utf8"},
		{pg, "WITH x AS (SELECT 1), y AS (DELETE FROM t RETURNING *) INSERT INTO z SELECT * FROM y", "INSERT",
			"WITH x AS (SELECT ?), y AS (DELETE FROM t RETURNING *) INSERT INTO z SELECT * FROM y"},
		{pg, "(SELECT 1) UNION (SELECT 2)", "SELECT", "(SELECT ?) UNION (SELECT ?)"},
		{pg, "CREATE OR REPLACE TEMP VIEW v AS SELECT 1", "CREATE VIEW", "CREATE OR REPLACE TEMP VIEW v AS SELECT ?"},
		{pg, "ALTER ROLE bob PASSWORD 'geheim'", "ALTER ROLE", "ALTER ROLE bob PASSWORD ?"},
		{pg, "ALTER ROLE bob PASSWORD geheim", "ALTER ROLE", "ALTER ROLE bob PASSWORD ?"},
		{pg, "BEGIN; UPDATE t SET a = 1; COMMIT;", "BEGIN", "BEGIN; UPDATE t SET a = ?; COMMIT"},
		{pg, "SELECT 'never ends", "SELECT", "SELECT ?"},
	}
}

func TestFingerprintText(t *testing.T) {
	for _, c := range cases() {
		s := sql.Analyse([]byte(c.raw), c.dialect, sql.Fingerprint, 8<<10)
		if s.Name != c.name || s.Text != c.text || s.Cut {
			t.Errorf("%s\n got %q %q cut %t\nwant %q %q", c.raw, s.Name, s.Text, s.Cut, c.name, c.text)
		}
		if (s.Fingerprint == 0) != (c.text == "") {
			t.Errorf("%s: the fingerprint is %x", c.raw, s.Fingerprint)
		}
	}
}
