package mysql_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	dbsql "database/sql"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// Statements that hold a password, which begins with hunter2, in every place where there can be one; some fail.
func secretStatements() []string {
	return []string{
		"CREATE USER c1 IDENTIFIED BY 'hunter2-01'",
		"create /* password hunter2-02 */ user c2 identified   by \"hunter2-02\"",
		"ALTER USER c1 IDENTIFIED BY 'hunter2''03'",
		`ALTER USER c1 IDENTIFIED BY 'hunter2\'04'`,
		"CREATE USER c3 IDENTIFIED VIA mysql_native_password USING PASSWORD('hunter2-05')",
		"CREATE USER c4 IDENTIFIED VIA ed25519 USING PASSWORD('hunter2-06')",
		"CREATE USER c5 IDENTIFIED WITH mysql_native_password AS '*8D8321FAA70AB6D48C64C7F6A0A1A5DDF6E1B2C3'",
		"CREATE USER c6 IDENTIFIED BY PASSWORD '*8D8321FAA70AB6D48C64C7F6A0A1A5DDF6E1B2C3'",
		"GRANT SELECT ON test.* TO c7 IDENTIFIED BY 'hunter2-09'",
		"SET PASSWORD FOR c1 = PASSWORD('hunter2-10')",
		"SET PASSWORD FOR c1 = '*8D8321FAA70AB6D48C64C7F6A0A1A5DDF6E1B2C3'",
		"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_USER='r', MASTER_PASSWORD='hunter2-12'",
		"CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (USER 'u', HOST '127.0.0.1', PASSWORD 'hunter2-13', DATABASE 'd')",
		"ALTER SERVER s OPTIONS (PASSWORD 'hunter2-14')",
		"SELECT PASSWORD('hunter2-15')",
		"EXECUTE IMMEDIATE 'ALTER USER c1 IDENTIFIED BY ''hunter2-16'''",
		// Those that follow fail, and the server repeats them.
		"ALTER USER c1 IDENTIFIED BY 'hunter2-17' zzz",
		"ALTER USER c1 IDENTIFIED BY 'hunter2-18' ''",
		"ALTER USER c1 IDENTIFIED 'hunter2-19'",
		"SHOW WARNINGS",
		"CREATE USER c8 IDENTIFIED BY 'hunter2-20, which is a very long password, so that the server cuts it where it repeats it, and more' x",
		"SHOW WARNINGS",
		"SELECT 1; ALTER USER c1 IDENTIFIED BY 'hunter2-21'",
		// What the server shows.
		"SHOW CREATE USER c1",
		"SHOW GRANTS FOR c1",
		"SELECT * FROM mysql.user",
		"SELECT user, authentication_string FROM mysql.user",
		"SELECT concat(user, authentication_string) FROM mysql.user",
		"SELECT json_value(Priv, '$.authentication_string') FROM mysql.global_priv",
		"SELECT * FROM mysql.servers",
		"SHOW FULL PROCESSLIST",
		"SELECT info FROM information_schema.processlist",
	}
}

func testSecrets(t *testing.T, m *testkit.MariaDBServer) {
	r := newRelay(t, m.Port, nil)
	for _, user := range []string{"alice", "bob"} { // both ways of logging in, and text and prepared
		db := open(t, user, r.port(), "multiStatements=true")
		for _, s := range secretStatements() {
			if user == "bob" {
				if st, err := db.Prepare(s); err == nil {
					drain(st.Query())
					drain(st.Query()) // the columns come with the first answer only
					_ = st.Close()
				}
				continue
			}
			drain(db.Query(s))
		}
		if st, err := db.Prepare("SELECT ? AS password"); err == nil {
			drain(st.Query("hunter2-31"))
			_ = st.Close()
		}
		_ = db.Close()
	}
	hashes := m.SQL(t, "SELECT DISTINCT authentication_string FROM mysql.user WHERE authentication_string <> ''")
	var plain, hidden int
	for _, pieces := range r.recorded() {
		holds(t, pieces)
		redacted, lost := redact(pieces, flow.Redaction{Authentication: true})
		if lost {
			t.Fatal("the redactor gave up")
		}
		for _, dir := range []flow.Direction{flow.FromClient, flow.FromBackend} {
			was, is := stream(pieces, dir), stream(redacted, dir)
			plain += bytes.Count(was, []byte("hunter2"))
			hidden += findSecret(t, is, append(strings.Fields(hashes), "hunter2", "8D8321FAA70AB6D48C64C7F6A0A1A5DDF6E1B2C3"))
			for _, kept := range []string{"SHOW WARNINGS", "FOREIGN DATA WRAPPER", "mysql.global_priv", "MASTER_USER='r'"} {
				if dir == flow.FromClient && bytes.Count(was, []byte(kept)) > 0 && bytes.Count(is, []byte(kept)) == 0 {
					t.Errorf("%s was overwritten", kept)
				}
			}
		}
		for _, x := range decode(pieces, flow.StatementsText).ops {
			findSecret(t, fmt.Append(nil, line(x)), []string{"hunter2", "8D8321FA"})
		}
	}
	if plain < 40 {
		t.Errorf("only %d secrets were planted", plain)
	}
	if hidden > 0 {
		t.Errorf("%d secrets are left of %d", hidden, plain)
	}
}

func drain(rows *dbsql.Rows, err error) {
	if err != nil {
		return // many of the statements are wrong
	}
	for more := true; more; more = rows.NextResultSet() {
		for rows.Next() {
			continue
		}
	}
	_ = rows.Close()
}

// findSecret fails for each secret that b has.
func findSecret(t *testing.T, b []byte, secrets []string) (n int) {
	t.Helper()
	for _, s := range secrets {
		if i := bytes.Index(bytes.ToLower(b), []byte(strings.ToLower(s))); i >= 0 {
			t.Errorf("%q is in %q", s, b[max(0, i-80):min(len(b), i+len(s)+20)])
			n++
		}
	}
	return n
}

// With Parameters and Rows no value is left, in either direction.
func testValues(t *testing.T, m *testkit.MariaDBServer) {
	m.SQL(t, "CREATE TABLE test.v (a INT, b LONGTEXT, c DATETIME, d DOUBLE, e BIGINT)")
	r := newRelay(t, m.Port, nil)
	db, exec := open(t, "alice", r.port(), ""), must[dbsql.Result](t)
	exec(db.Exec("INSERT INTO v VALUES (1, 'parameter-1', '2021-02-03 04:05:06', 1.5, 7)"))
	st := must[*dbsql.Stmt](t)(db.Prepare("INSERT INTO v VALUES (?, ?, ?, ?, ?)"))
	for range 2 {
		exec(st.Exec(2, "parameter-2", "2022-02-03 04:05:06", 2.5, nil))
		exec(st.Exec(nil, []byte("parameter-3"), nil, 2, 1<<40))
		exec(st.Exec(3, strings.Repeat("parameter-4", 30_000), nil, nil, nil))
	}
	_ = st.Close()
	st = must[*dbsql.Stmt](t)(db.Prepare("SELECT b, v.*, 'parameter-6' FROM v WHERE b <> ?"))
	drain(st.Query("parameter-5"))
	drain(st.Query("parameter-5"))
	_ = st.Close()
	drain(db.Query("SELECT *, 'parameter-8' FROM v"))
	drain(db.Query("SELECT a, 'parameter-7' FROM v, nothing"))
	_ = db.Close()
	for _, pieces := range r.recorded() {
		holds(t, pieces)
		for _, c := range []struct {
			what flow.Redaction
			dirs []flow.Direction
		}{
			{flow.Redaction{Parameters: true}, []flow.Direction{flow.FromClient}},
			{flow.Redaction{Parameters: true, Rows: true}, []flow.Direction{flow.FromClient, flow.FromBackend}},
		} {
			redacted, _ := redact(pieces, c.what)
			for _, dir := range c.dirs {
				findSecret(t, stream(redacted, dir), []string{"parameter", "2021-", "2022-"})
			}
			if !slices.Contains(c.dirs, flow.FromBackend) && !bytes.Contains(stream(redacted, flow.FromBackend), []byte("parameter-1")) {
				t.Error("rows were overwritten")
			}
		}
	}
}
