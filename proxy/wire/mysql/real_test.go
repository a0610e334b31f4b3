package mysql_test

import (
	"context"
	dbsql "database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestRealX(t *testing.T) {
	m := testkit.MariaDB(t, testkit.MariaDBOptions{})
	m.SQL(t, "CREATE USER alice IDENTIFIED VIA mysql_native_password USING PASSWORD('hunter2secret'); GRANT ALL ON *.* TO alice;")
	r := newRelay(t, m.Port, nil)
	mariadb(t, r.port(), "--user=alice", "--password=hunter2secret", "--force", "test", "-e", "create table t(a int primary key, b text); insert into t values(1,'x'),(2,'y'); select * from t; begin; update t set b='z'; commit; use mysql; select 1")
	db, err := dbsql.Open("mysql", fmt.Sprintf("alice:hunter2secret@tcp(127.0.0.1:%d)/test?multiStatements=true&allowAllFiles=true", r.port()))
	if err != nil { t.Fatal(err) }
	db.SetMaxOpenConns(1)
	ctx := context.Background()
	st, err := db.PrepareContext(ctx, "select * from t where a=?")
	if err != nil { t.Fatal(err) }
	for i := range 3 {
		var a int
		var b string
		if err := st.QueryRow(i%2+1).Scan(&a, &b); err != nil { t.Fatal(err) }
	}
	_ = st.Close()
	f := filepath.Join(t.TempDir(), "f")
	_ = os.WriteFile(f, []byte(strings.Repeat("7\thello\n", 1)), 0o600)
	_ = driver.ErrInvalidConn
	if _, err := db.Exec("load data local infile '" + f + "' into table t"); err != nil { t.Fatal(err) }
	if _, err := db.Exec("select 1; select a from t; update t set b='q'"); err != nil { t.Fatal(err) }
	if err := db.Ping(); err != nil { t.Fatal(err) }
	_ = db.Close()
	for _, p := range r.recorded() {
		x := decode(p, flow.StatementsFingerprint)
		t.Log("\n"+strings.Join(lines(x.ops), "\n"), x.err)
		for _, o := range x.ops[:1] { t.Logf("%+v", o) }
	}
	t.Log(m.GeneralLog(t))
}
