package mysql_test

import (
	"context"
	dbsql "database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver mysql of database/sql

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// A real server and real clients: what the decoder tells is what the server logged, word for word; and what is secret
// is in no redacted byte.
func TestRealServer(t *testing.T) {
	m := testkit.MariaDB(t, testkit.MariaDBOptions{Settings: []string{"query-cache-type=0"}})
	m.SQL(t, "CREATE USER alice IDENTIFIED VIA mysql_native_password USING PASSWORD('"+loginSecret+"');"+
		"CREATE USER bob IDENTIFIED VIA ed25519 USING PASSWORD('"+loginSecret+"');"+
		"GRANT ALL ON *.* TO alice WITH GRANT OPTION; GRANT ALL ON *.* TO bob WITH GRANT OPTION")
	t.Run("client", func(t *testing.T) { testClient(t, m) })
	t.Run("driver", func(t *testing.T) { testDriver(t, m) })
	t.Run("load", func(t *testing.T) { testLoad(t, m) })
	t.Run("secrets", func(t *testing.T) { testSecrets(t, m) })
	t.Run("parameters and rows", func(t *testing.T) { testValues(t, m) })
}

const loginSecret = "hunter2-login"

// logged are the commands that the server logged since a mark: the log's word and the text.
func logged(t *testing.T, m *testkit.MariaDBServer, mark string) (all []string) {
	t.Helper()
	_, log, found := strings.Cut(m.GeneralLog(t), mark)
	if !found {
		t.Fatalf("the log has no %s", mark)
	}
	for line := range strings.Lines(log) {
		_, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t\t")
		if !ok { // a time before it
			_, rest, ok = strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		}
		if fields := strings.SplitN(strings.TrimSpace(rest), " ", 2); ok && len(fields) == 2 {
			if word, text, ok := strings.Cut(fields[1], "\t"); ok {
				all = append(all, strings.TrimSpace(word)+" "+text)
			}
		}
	}
	return all
}

// asLogged is an operation as the server logs it. It logs no ping.
func asLogged(o *flow.Operation) string {
	switch {
	case o.Kind == "login":
		return fmt.Sprintf("Connect %s@127.0.0.1 on %s using TCP/IP", o.User, o.Namespace)
	case o.Kind == "prepare":
		return "Prepare " + o.Text
	case o.Kind == "execute":
		return "Execute " + o.Text
	case o.Name == "USE" && o.Text == "":
		return "Init DB " + o.Namespace
	case o.Text == "":
		return ""
	}
	return "Query " + o.Text
}

// compare compares a session with what the server logged since mark.
func compare(t *testing.T, m *testkit.MariaDBServer, mark string, ops []*flow.Operation) {
	t.Helper()
	var want, got []string
	for _, l := range logged(t, m, mark) {
		if !strings.HasPrefix(l, "Quit") && !strings.HasPrefix(l, "Close stmt") && !strings.HasPrefix(l, "Reset stmt") {
			want = append(want, l)
		}
	}
	for _, o := range ops {
		if l := asLogged(o); l != "" {
			got = append(got, l)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("decoded:\n%s\nlogged:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// mark puts a word into the log.
func mark(t *testing.T, m *testkit.MariaDBServer) string {
	t.Helper()
	word := "mark of " + t.Name() + "'"
	m.SQL(t, `SELECT "`+word+`"`)
	var quit string
	testkit.Wait(t, "the mark to be logged", func() (found bool) {
		_, log, _ := strings.Cut(m.GeneralLog(t), word)
		quit, _, found = strings.Cut(log, "Quit")
		return found
	}, 10*time.Second)
	return word + quit + "Quit"
}

// decoded decodes the sessions of a relay, and holds the decoder and the redactor to what is true of every session.
func decoded(t *testing.T, r *relay) (all []told) {
	t.Helper()
	for _, pieces := range r.recorded() {
		x := decode(pieces, flow.StatementsText)
		if x.err != nil {
			t.Errorf("after %d operations: %v", len(x.ops), x.err)
		}
		for _, o := range x.ops {
			if o.Unfinished {
				t.Errorf("unfinished: %s", line(o))
			}
		}
		holds(t, pieces)
		all = append(all, x)
	}
	return all
}

func testClient(t *testing.T, m *testkit.MariaDBServer) {
	word := mark(t, m)
	r := newRelay(t, m.Port, nil)
	mariadb(t, r.port(), "--user=alice", "--password="+loginSecret, "test", "-e",
		"create table t(a int primary key, b text);"+
			"insert into t values (1, 'x'), (2, 'y');"+
			"select * from t; begin; update t set b = 'z' where a = 1; commit;"+
			"start transaction; delete from t; rollback; show tables;"+
			"use mysql; select 1; select * from test.t where a > 5")
	x := decoded(t, r)
	if len(x) != 1 {
		t.Fatalf("%d sessions", len(x))
	}
	compare(t, m, word, x[0].ops)
	if got, want := strings.Join(lines(x[0].ops), "\n"), strings.Join([]string{
		`LOGIN "" rows=-1 kind=login transaction=idle db=test`,
		`CREATE TABLE "create table t(a int primary key, b text)" rows=0 transaction=idle db=test`,
		`INSERT "insert into t values (1, 'x'), (2, 'y')" rows=2 transaction=idle db=test`,
		`SELECT "select * from t" rows=2 transaction=idle db=test`,
		`BEGIN "begin" rows=0 transaction=active db=test`,
		`UPDATE "update t set b = 'z' where a = 1" rows=1 transaction=active db=test`,
		`COMMIT "commit" rows=0 transaction=idle db=test`,
		`START "start transaction" rows=0 transaction=active db=test`,
		`DELETE "delete from t" rows=2 transaction=active db=test`,
		`ROLLBACK "rollback" rows=0 transaction=idle db=test`,
		`SHOW "show tables" rows=1 transaction=idle db=test`,
		`SELECT "SELECT DATABASE()" rows=1 transaction=idle db=test`,
		`USE "" rows=-1 transaction=idle db=mysql`,
		`SELECT "select 1" rows=1 transaction=idle db=mysql`,
		`SELECT "select * from test.t where a > 5" rows=0 transaction=idle db=mysql`,
	}, "\n"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	for _, o := range x[0].ops {
		if o.System != "mariadb" || o.User != "alice" || o.Application != "mysql" || o.Auth != "mysql_native_password" {
			t.Errorf("%+v", o)
		}
	}
}

// open opens a database through a relay, with one connection.
func open(t *testing.T, user string, port int, parameters string) *dbsql.DB {
	t.Helper()
	db, err := dbsql.Open("mysql", fmt.Sprintf("%s:%s@tcp(127.0.0.1:%d)/test?%s", user, loginSecret, port, parameters))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func testDriver(t *testing.T, m *testkit.MariaDBServer) {
	exec := must[dbsql.Result](t)
	direct := open(t, "alice", m.Port, "")
	exec(direct.Exec("CREATE TABLE d (a INT PRIMARY KEY, b LONGTEXT)"))
	exec(direct.Exec("CREATE PROCEDURE twice() BEGIN SELECT 1; SELECT 2, 3; END"))
	_ = direct.Close()
	word := mark(t, m)
	r := newRelay(t, m.Port, nil)
	db := open(t, "bob", r.port(), "multiStatements=true&allowAllFiles=true&maxAllowedPacket=0")
	ctx := context.Background()
	insert := must[*dbsql.Stmt](t)(db.PrepareContext(ctx, "INSERT INTO d VALUES (?, ?)"))
	exec(insert.Exec(1, "one"))
	exec(insert.Exec(2, nil))
	_ = insert.Close()
	ask := must[*dbsql.Stmt](t)(db.PrepareContext(ctx, "SELECT a, b FROM d WHERE a <= ?"))
	for range 3 { // the columns come with the first answer only
		rows, err := ask.Query(2)
		if err != nil {
			t.Fatal(err)
		}
		_ = rows.Close()
	}
	_ = ask.Close()
	tx := must[*dbsql.Tx](t)(db.Begin())
	exec(tx.Exec("DELETE FROM d WHERE a = 2"))
	_ = tx.Commit()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(strings.Repeat("7\thello\n", 1)+strings.Repeat("8\tsame key\n", 30000)), 0o600); err != nil {
		t.Fatal(err)
	}
	exec(db.Exec("LOAD DATA LOCAL INFILE '" + file + "' INTO TABLE d"))
	exec(db.Exec("SELECT 1; SELECT a FROM d; UPDATE d SET b = 'q'; INSERT INTO d VALUES (9, '')"))
	exec(db.Exec("CALL twice()"))
	if _, err := db.Exec("INSERT INTO d VALUES (9, 'again')"); err == nil {
		t.Error("a key twice")
	}
	if _, err := db.PrepareContext(ctx, "SELECT nothing FROM nowhere"); err == nil {
		t.Error("a table that is not there")
	}
	if err := db.Ping(); err != nil {
		t.Error(err)
	}
	_ = db.Close()
	x := decoded(t, r)[0]
	var got []string
	for _, o := range x.ops {
		got = append(got, strings.ReplaceAll(line(o), file, "FILE"))
	}
	want := []string{
		`LOGIN "" rows=-1 kind=login transaction=idle db=test`,
		`SELECT "SELECT @@max_allowed_packet" rows=1 transaction=idle db=test`,
		`INSERT "INSERT INTO d VALUES (?, ?)" rows=-1 kind=prepare db=test`,
		`INSERT "INSERT INTO d VALUES (?, ?)" rows=1 kind=execute transaction=idle db=test`,
		`INSERT "INSERT INTO d VALUES (?, ?)" rows=1 kind=execute transaction=idle db=test`,
		`SELECT "SELECT a, b FROM d WHERE a <= ?" rows=-1 kind=prepare db=test`,
		`SELECT "SELECT a, b FROM d WHERE a <= ?" rows=2 kind=execute transaction=idle db=test`,
		`SELECT "SELECT a, b FROM d WHERE a <= ?" rows=2 kind=execute transaction=idle db=test`,
		`SELECT "SELECT a, b FROM d WHERE a <= ?" rows=2 kind=execute transaction=idle db=test`,
		`START "START TRANSACTION" rows=0 transaction=active db=test`,
		`DELETE "DELETE FROM d WHERE a = 2" rows=1 transaction=active db=test`,
		`COMMIT "COMMIT" rows=0 transaction=idle db=test`,
		`LOAD "LOAD DATA LOCAL INFILE 'FILE' INTO TABLE d" rows=2 kind=copy transaction=idle db=test`,
		`SELECT "SELECT 1; SELECT a FROM d; UPDATE d SET b = 'q'; INSERT INTO d VALUES (9, '')" rows=4 transaction=idle db=test`,
		`CALL "CALL twice()" rows=2 transaction=idle db=test`,
		`INSERT "INSERT INTO d VALUES (9, 'again')" rows=-1 status=1062 error=Duplicate entry '9' for key 'PRIMARY' db=test`,
		`SELECT "SELECT nothing FROM nowhere" rows=-1 kind=prepare status=1146 error=Table 'test.nowhere' doesn't exist db=test`,
		`PING "" rows=-1 transaction=idle db=test`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if infile := x.ops[12]; infile.FromClient < 300000 {
		t.Errorf("the file's bytes are not those of the question: %d", infile.FromClient)
	}
	if login := x.ops[0]; login.Auth != "client_ed25519" || login.User != "bob" {
		t.Errorf("%+v", login)
	}
	// The server logs what it executes with the values, and neither a ping nor a statement that could not be prepared.
	var logs, tells []string
	for _, l := range logged(t, m, word) {
		if name, text, _ := strings.Cut(l, " "); name == "Connect" || name == "Query" || name == "Prepare" {
			logs = append(logs, l)
		} else if name == "Execute" {
			logs = append(logs, name+" "+text[:6])
		}
	}
	for _, o := range x.ops {
		switch l := asLogged(o); {
		case o.Kind == "execute":
			tells = append(tells, l[:len("Execute ")+6])
		case l != "" && (o.Kind != "prepare" || !o.Failed):
			tells = append(tells, l)
		}
	}
	if !slices.Equal(tells, logs) {
		t.Errorf("decoded:\n%s\nlogged:\n%s", strings.Join(tells, "\n"), strings.Join(logs, "\n"))
	}
}

// Packets of 16 MB and more go on in further frames; long statements are cut.
func testLoad(t *testing.T, m *testkit.MariaDBServer) {
	m.SQL(t, "SET GLOBAL max_allowed_packet = 1073741824; CREATE TABLE test.l (a INT, b LONGBLOB)")
	r := newRelay(t, m.Port, nil)
	db := open(t, "alice", r.port(), "interpolateParams=true&maxAllowedPacket=268435456")
	const size = 1<<24 + 12345
	exec := must[dbsql.Result](t)
	exec(db.Exec("INSERT INTO l VALUES (1, '" + strings.Repeat("a", size) + "')"))
	exec(db.Exec("INSERT INTO l VALUES (2, repeat('b', 16777215 - 4)), (4, 'd')"))
	var n int
	rows := must[*dbsql.Rows](t)(db.Query("SELECT b FROM l"))
	for rows.Next() {
		var b dbsql.RawBytes
		if err := rows.Scan(&b); err != nil {
			t.Fatal(err)
		}
		n++
	}
	_, _ = n, rows.Close()
	_ = db.Close()
	testkit.Run(t, "mariadb-slap", "--no-defaults", "--host=127.0.0.1", "--port="+strconv.Itoa(r.port()), "--user=alice",
		"--password="+loginSecret, "--create-schema=slap", "--no-drop", "--concurrency=4", "--number-of-queries=100",
		"--auto-generate-sql", "--auto-generate-sql-load-type=mixed", "--iterations=1")
	x := decoded(t, r)
	first := x[0].ops
	if len(first) != 4 || first[1].FromClient < size || !first[1].Cut || first[3].Rows != 3 || n != 3 ||
		first[3].FromBackend < 2*(1<<24) {
		t.Errorf("%d rows read; got:\n%.4000s", n, strings.Join(lines(first), "\n"))
	}
	queries := 0
	for _, s := range x[1:] {
		for _, o := range s.ops {
			if o.Failed {
				t.Errorf("%s", line(o))
			}
			if o.Name == "SELECT" || o.Name == "INSERT" {
				queries++
			}
		}
	}
	if queries < 100 {
		t.Errorf("%d queries of 100", queries)
	}
}
