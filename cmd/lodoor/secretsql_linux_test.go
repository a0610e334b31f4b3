package main

import (
	"context"
	dbsql "database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver mysql of database/sql
	"github.com/jackc/pgx/v5"

	"github.com/lodoor/lodoor/internal/testkit"
)

// secrets counts those that are said in the clear.
type secrets struct{ said []string }

// next is one that was not said before.
func (s *secrets) next() string {
	secret := planted(100 + len(s.said))
	s.said = append(s.said, secret)
	return secret
}

// plant puts a new secret for each % of the texts; %% is a percent sign.
func (s *secrets) plant(texts []string) (planted []string) {
	for _, text := range texts {
		text = strings.ReplaceAll(text, "%%", "\x00")
		for strings.Contains(text, "%") {
			text = strings.Replace(text, "%", s.next(), 1)
		}
		planted = append(planted, strings.ReplaceAll(text, "\x00", "%"))
	}
	return planted
}

// talk says secrets to all services, and answers those that were said in the clear.
func (d *secretDoor) talk() []string {
	d.t.Helper()
	s := &secrets{said: []string{planted(1)}} // the password of byword
	d.talkPostgres(s)
	d.talkMariaDB(s)
	d.talkRedis(s)
	d.talkHTTP(s)
	d.talkInArguments(s)
	return s.said
}

// talkInArguments says secrets on command lines, which the journal has, too.
func (d *secretDoor) talkInArguments(s *secrets) {
	d.t.Helper()
	for _, c := range []struct{ service, env, command string }{
		{"pg", "PGPASSWORD=" + planted(0), "psql -Xqh 127.0.0.1 -U byscram -d postgres -p HERE -c|ALTER ROLE bob PASSWORD '%'; SELECT pg_sleep(0.3)"},
		{"my", "MYSQL_PWD=" + planted(3), "mariadb --no-defaults -h 127.0.0.1 -u native -P HERE -e|CREATE OR REPLACE USER c9 IDENTIFIED BY '%'; SELECT SLEEP(0.3)"},
		{"kv", "", "redis-cli -i 0.1 -r 3 -p HERE ACL SETUSER carol >%"},
		{"web", "", "curl -s -u me:% -H|X-Api-Key: %|http://127.0.0.1:HERE/5?token=%"},
	} {
		words, last, _ := strings.Cut(s.plant([]string{strings.ReplaceAll(c.command, "HERE", fmt.Sprint(d.ports[c.service]))})[0], "|")
		args := strings.Fields(words)
		if last != "" {
			args = append(args, strings.Split(last, "|")...)
		}
		d.client([]string{c.env}, "", args[0], args[1:]...)
	}
}

// client runs a program to its end, whatever comes of it, and answers what it said. It has no terminal.
func (d *secretDoor) client(env []string, stdin, name string, args ...string) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, testkit.Program(d.t, name), args...)
	cmd.Env, cmd.Stdin = append(os.Environ(), env...), strings.NewReader(stdin)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, _ := cmd.CombinedOutput()
	if ctx.Err() != nil {
		d.t.Fatalf("%s: %v: %s", name, ctx.Err(), out)
	}
	return string(out)
}

// postgresStatements have a % where there is a secret; some of them fail, and the server repeats them.
func postgresStatements() []string {
	return []string{
		"ALTER ROLE bob PASSWORD '%'", "alter user bob with encrypted password '%' valid until 'infinity'",
		"ALTER ROLE bob PASSWORD '%' nonsense", "ALTER ROLE bob /* a 'b */ PASSWORD -- c '\n E'%\\x41'", "ALTER ROLE bob PASSWORD $x$%$x$",
		"ALTER ROLE bob PASSWORD U&'%'", "CREATE ROLE carl LOGIN PASSWORD '%'", "DROP ROLE carl", "CREATE USER carl PASSWORD \"%\"",
		"DO $$ BEGIN EXECUTE 'ALTER ROLE bob PASSWORD ''%'' x'; END $$",
		"DO $$ BEGIN EXECUTE 'ALTER ROLE bob PASSWORD ''%'''; END $$",
		"CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'h', password '%')",
		"CREATE USER MAPPING FOR bob SERVER s OPTIONS (user 'u', password '%')",
		"ALTER USER MAPPING FOR bob SERVER s OPTIONS (SET password '%')",
		"CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1 dbname=x password=%' PUBLICATION p",
		"CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1 password=''%'' %' PUBLICATION p",
		"CREATE SUBSCRIPTION s CONNECTION 'postgresql://u:%@127.0.0.1:1/x' PUBLICATION p",
		"ALTER SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1 password=%'",
		"SELECT 'password = ''%'''", "SELECT query FROM pg_stat_activity WHERE query ILIKE '%%password%%'",
		"SELECT rolname, rolpassword FROM pg_authid", "TABLE pg_authid", "COPY (SELECT rolname, rolpassword FROM pg_authid) TO STDOUT",
	}
}

func (d *secretDoor) talkPostgres(s *secrets) {
	d.t.Helper()
	for user, n := range map[string]int{"byscram": 0, "byword": 1, "bymd5": 2} {
		through := []string{"-XAth", "127.0.0.1", "-p", fmt.Sprint(d.ports["pg"]), "-U", user, "-d", "postgres", "-c", "select 7*6"}
		if out := d.client([]string{"PGPASSWORD=" + planted(n)}, "", "psql", through...); strings.TrimSpace(out) != "42" {
			d.t.Fatalf("psql as %s: %s", user, out)
		}
		d.client([]string{"PGPASSWORD=" + planted(99)}, "", "psql", through...)
	}
	file := filepath.Join(d.t.TempDir(), "script")
	script := strings.ReplaceAll(strings.Join(s.plant(postgresStatements()), ";\n"), `\x41`, "") + ";\n\\password bob\n"
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		d.t.Fatal(err)
	}
	unseen := planted(98) // psql sends what it made of it
	out := d.client([]string{"PGPASSWORD=" + planted(0)}, unseen+"\n"+unseen+"\n", "psql", "-Xh", "127.0.0.1", "-p",
		fmt.Sprint(d.ports["pg"]), "-U", "byscram", "-d", "postgres", "-f", file)
	if !strings.Contains(out, plantedBegin) {
		d.t.Errorf("psql said: %s", out)
	}
	d.prepare(s)
}

// prepare says the same in the extended protocol.
func (d *secretDoor) prepare(s *secrets) {
	d.t.Helper()
	ctx := d.t.Context()
	config, err := pgx.ParseConfig(fmt.Sprintf("postgres://bymd5@127.0.0.1:%d/postgres?sslmode=disable", d.ports["pg"]))
	if err != nil {
		d.t.Fatal(err)
	}
	config.Password = planted(2)
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	for i, statement := range s.plant(postgresStatements()) {
		name := fmt.Sprint("p", i)
		if _, err := c.Prepare(ctx, name, statement); err == nil {
			_, _ = c.Exec(ctx, name) // many are wrong
		}
		_, _ = c.Exec(ctx, statement)
	}
}

// mariadbStatements are like postgresStatements. * is what the server makes of a password.
func mariadbStatements() []string {
	return []string{
		"CREATE USER c1 IDENTIFIED BY '%'", "create /* password % */ user c2 identified   by \"%\"",
		"ALTER USER c1 IDENTIFIED BY '%'", "ALTER USER c1 IDENTIFIED BY '%''%'",
		"CREATE USER c3 IDENTIFIED VIA mysql_native_password USING PASSWORD('%')",
		"CREATE USER c4 IDENTIFIED VIA ed25519 USING PASSWORD('%')", "CREATE USER c5 IDENTIFIED WITH mysql_native_password AS '%'",
		"CREATE USER c6 IDENTIFIED BY PASSWORD '%'", "GRANT SELECT ON test.* TO c7 IDENTIFIED BY '%'",
		"SET PASSWORD FOR c1 = PASSWORD('%')", "SET PASSWORD FOR c1 = '%'", "SET PASSWORD FOR c1 = OLD_PASSWORD('%')",
		"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_USER='r', MASTER_PASSWORD='%'",
		"CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (USER 'u', HOST '127.0.0.1', PASSWORD '%', DATABASE 'd')",
		"ALTER SERVER s OPTIONS (PASSWORD '%')", "SELECT PASSWORD('%')", "SELECT ENCRYPT('%'), OLD_PASSWORD('%')",
		"EXECUTE IMMEDIATE 'ALTER USER c1 IDENTIFIED BY ''%'''", "ALTER USER c1 IDENTIFIED BY '%' zzz",
		"ALTER USER c1 IDENTIFIED BY '%' ''", "ALTER USER c1 IDENTIFIED '%'", "SHOW WARNINGS",
		"SHOW CREATE USER c1", "SHOW GRANTS FOR c1", "SELECT * FROM mysql.user", "SELECT * FROM mysql.global_priv",
		"SELECT user, authentication_string FROM mysql.user", "SELECT * FROM mysql.servers", "SHOW FULL PROCESSLIST",
		"DROP USER c1, c2, c3, c4, c7", "DROP SERVER s", "RESET SLAVE ALL",
	}
}

func (d *secretDoor) talkMariaDB(s *secrets) {
	d.t.Helper()
	port := d.ports["my"]
	for user, n := range map[string]int{"native": 3, "elliptic": 4} {
		args := []string{"--no-defaults", "-h", "127.0.0.1", "-P", fmt.Sprint(port), "-u", user, "--force", "--comments", "-N", "test"}
		if out := d.client([]string{"MYSQL_PWD=" + planted(n)}, "select 7*6;", "mariadb", args...); strings.TrimSpace(out) != "42" {
			d.t.Fatalf("mariadb as %s: %s", user, out)
		}
		d.client([]string{"MYSQL_PWD=" + planted(97)}, "select 1;", "mariadb", args...)
		script := strings.Join(s.plant(mariadbStatements()), ";\n") + ";\n"
		if out := d.client([]string{"MYSQL_PWD=" + planted(n)}, script, "mariadb", args...); !strings.Contains(out, plantedBegin) {
			d.t.Errorf("mariadb as %s said: %s", user, out)
		}
		d.prepareMariaDB(s, user, planted(n))
	}
}

func (d *secretDoor) prepareMariaDB(s *secrets, user, password string) {
	d.t.Helper()
	db, err := dbsql.Open("mysql", fmt.Sprintf("%s:%s@tcp(127.0.0.1:%d)/test", user, password, d.ports["my"]))
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	if err := db.Ping(); err != nil {
		d.t.Fatal(err)
	}
	for _, statement := range s.plant(mariadbStatements()) {
		st, err := db.Prepare(statement)
		if err != nil {
			continue // many are wrong
		}
		for range 2 {
			if rows, err := st.Query(); err == nil {
				for rows.Next() {
					continue
				}
				_ = rows.Close()
			}
		}
		_ = st.Close()
	}
}
