package postgres_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

const within = 60 * time.Second

func server(t *testing.T) *testkit.PostgresServer {
	t.Helper()
	return testkit.Postgres(t, testkit.PostgresOptions{
		HBA: []string{
			"local all all trust", "host all byscram 127.0.0.1/32 scram-sha-256", "host all bymd5 127.0.0.1/32 md5",
			"host all byword 127.0.0.1/32 password", "host all,replication all 127.0.0.1/32 trust",
		},
		Settings: map[string]string{
			"log_statement": "all", "log_line_prefix": "%h|%e|", "log_min_duration_statement": "-1", "log_parameter_max_length": "0",
			"log_connections": "off", "log_replication_commands": "on", "log_disconnections": "off",
		},
	})
}

// run runs one of libpq's programs through a relay and returns what it printed; its end may be an error.
func (r *relay) run(name string, args []string, env ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), testkit.Program(r.t, name), args...)
	cmd.Env = r.env(env...)
	out, err := cmd.CombinedOutput()
	r.t.Logf("%s: %v", name, err)
	return string(out)
}

// wantAsLogged compares what was told with what the server logged.
func wantAsLogged(t *testing.T, server *testkit.PostgresServer, from int, operations []flow.Operation) {
	t.Helper()
	var ran, failed []string
	for _, o := range operations {
		switch {
		case o.Text == "" || o.FromClient == 0 || o.Kind == "notification": // FromClient: a later statement of a query
		case o.Failed:
			failed = append(failed, o.Status+" "+o.Text)
		case o.Kind != "prepare":
			ran = append(ran, o.Text)
		}
	}
	var wantRan, wantFailed []string
	settled := func() bool {
		wantRan, wantFailed = logged(server.Log()[from:])
		// What failed while it ran was logged twice; what could not be understood once.
		for _, f := range wantFailed {
			if i := slices.Index(wantRan, f[len("00000 "):]); i >= 0 {
				wantRan = slices.Delete(wantRan, i, i+1)
			}
		}
		return len(wantRan) >= len(ran) && len(wantFailed) >= len(failed)
	}
	testkit.Wait(t, "the server's log", func() bool { return settled() || t.Context().Err() != nil }, within)
	for _, list := range [][]string{ran, failed, wantRan, wantFailed} {
		slices.Sort(list)
	}
	if diff := cmp.Diff(wantRan, ran); diff != "" {
		t.Errorf("ran (-logged +told):\n%s", diff)
	}
	if diff := cmp.Diff(wantFailed, failed); diff != "" {
		t.Errorf("failed (-logged +told):\n%s", diff)
	}
	t.Logf("%d statements that ran and %d that failed are as logged", len(ran), len(failed))
}

// What is told is what the server logged (log_statement=all).
func TestRealServer(t *testing.T) {
	s := server(t)
	for name, test := range map[string]func(*testing.T, *testkit.PostgresServer){
		"psql": psqlAsLogged, "pgbench": pgbenchAsLogged, "pgx": pgxAsLogged, "replication": replicationAsLogged, "secrets": secretsStayOut,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

func psqlAsLogged(t *testing.T, s *testkit.PostgresServer) {
	r := newRelay(t, s, authentication())
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.WriteFile(data, []byte("1\tone\n2\ttwo\n3\tthree\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte(`
create table a (n integer primary key, v text);
\copy a from '`+data+`'
\copy (select * from a) to '/dev/null'
select 1 \; select 2 \; insert into a select 4, 'x';
begin; update a set v = 'y' where n > 2; select 1/0; select 1; rollback;
selec nothing;
insert into a values (1, 'again');
set application_name = 'renamed';
copy a from stdin;
x	not a number
\.
select generate_series(1, 20000);
`), 0o600); err != nil {
		t.Fatal(err)
	}
	out := r.run("psql", []string{"--no-psqlrc", "--quiet", "--set=FETCH_COUNT=0", "--file", script})
	operations, _ := r.all()
	wantAsLogged(t, s, r.from, operations)
	got := lines(operations)
	for _, want := range []string{
		"kind=login tx=idle",
		"COPY kind=copy text=COPY  a FROM STDIN  rows=3 tx=idle", "COPY kind=copy text=COPY  ( select * from a ) TO STDOUT  rows=3 tx=idle",
		"SELECT text=select 1 ; select 2 ; insert into a select 4, 'x'; rows=1\n", "INSERT text=select 1 ; select 2 ; insert into a select 4, 'x'; rows=1 tx=idle",
		"UPDATE text=update a set v = 'y' where n > 2; rows=2 tx=active", "SELECT text=select 1/0; status=22012 error=division by zero tx=failed",
		`SELEC text=selec nothing; status=42601 error=syntax error at or near "selec" tx=idle`,
		"COPY kind=copy text=copy a from stdin; status=22P02", "rows=20000 tx=idle",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nis not in:\n%s\npsql said:\n%s", want, got, out)
		}
	}
	last := operations[len(operations)-1]
	if last.Application != "renamed" || last.User != "postgres" || last.Namespace != "postgres" || last.Auth != "trust" || last.FromBackend < 100_000 ||
		last.LastByte < last.FirstByte || last.FirstByte < last.Asked {
		t.Errorf("%+v", last)
	}
}

func pgbenchAsLogged(t *testing.T, s *testkit.PostgresServer) {
	testkit.Need(t, "pgbench")
	for _, mode := range []string{"simple", "extended", "prepared"} {
		t.Run(mode, func(t *testing.T) {
			r := newRelay(t, s, authentication())
			if mode == "simple" {
				r.run("pgbench", []string{"--initialize", "--init-steps=dtp", "--scale=1"})
				s.SQL(t, "insert into pgbench_branches values (1, 0); insert into pgbench_tellers select n, 1, 0 from generate_series(1, 10) n")
			}
			out := r.run("pgbench", []string{"--no-vacuum", "--protocol=" + mode, "--client=3", "--transactions=20"})
			operations, _ := r.all()
			updated := map[int64]int{} // by how many rows they changed: there are no accounts
			for _, o := range operations {
				if o.Failed || o.Unfinished {
					t.Errorf("%s", line(o))
				}
				if o.Name == "UPDATE" && o.Kind != "prepare" {
					updated[o.Rows]++
				}
			}
			if updated[0] != 3*20 || updated[1] != 2*3*20 {
				t.Errorf("updates by rows: %v\n%s", updated, out)
			}
			wantAsLogged(t, s, r.from, operations)
		})
	}
}

func pgxAsLogged(t *testing.T, s *testkit.PostgresServer) {
	r := newRelay(t, s, authentication())
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	c, err := pgx.Connect(ctx, "postgres://postgres@127.0.0.1:"+r.port()+"/postgres?sslmode=prefer&application_name=app")
	if err != nil {
		t.Fatal(err)
	}
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.Exec(ctx, "create table b (n integer primary key, v text)"))
	for i := range 5 {
		must(c.Exec(ctx, "insert into b values ($1, $2)", i, "v"))
	}
	must(c.CopyFrom(ctx, pgx.Identifier{"b"}, []string{"n", "v"}, pgx.CopyFromSlice(500, func(i int) ([]any, error) { return []any{100 + i, "copied"}, nil })))
	batch := &pgx.Batch{}
	for i := range 50 {
		batch.Queue("select $1::integer", i)
	}
	must(nil, c.SendBatch(ctx, batch).Close())
	batch = &pgx.Batch{}
	batch.Queue("insert into b values (1000, 'x')")
	batch.Queue("insert into b values (1000, 'y')")
	batch.Queue("select 'passed over'")
	if err := c.SendBatch(ctx, batch).Close(); err == nil {
		t.Error("the same key twice")
	}
	if _, err := c.Exec(ctx, "selec $1", 1); err == nil {
		t.Error("no syntax error")
	}
	must(c.Exec(ctx, "listen c"))
	must(c.Exec(ctx, "notify c, 'it''s'"))
	must(c.WaitForNotification(ctx))
	must(nil, c.Close(ctx))

	cancelled, err := pgx.Connect(ctx, "postgres://postgres@127.0.0.1:"+r.port()+"/postgres?sslmode=disable")
	must(nil, err)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for ctx.Err() == nil && !strings.Contains(s.Log()[r.from:], "pg_sleep") {
			runtime.Gosched()
		}
		_ = cancelled.PgConn().CancelRequest(ctx)
	}()
	if _, err := cancelled.Exec(ctx, "select pg_sleep(50)"); err == nil {
		t.Error("not cancelled")
	}
	<-asked
	must(nil, cancelled.Close(ctx))

	operations, _ := r.all()
	wantAsLogged(t, s, r.from, operations)
	got := lines(operations)
	for _, want := range []string{
		"INSERT kind=prepare text=insert into b values ($1, $2) tx=idle", "INSERT kind=execute text=insert into b values ($1, $2) rows=1 tx=idle",
		`COPY kind=copy text=copy "b" ( "n", "v" ) from stdin binary; rows=500 tx=idle`, "text=select $1::integer rows=1",
		"status=23505 error=duplicate key value violates unique constraint", `NOTIFY kind=notification text=NOTIFY "c", 'it''s'`,
		"kind=cancel", "text=select pg_sleep(50) status=57014 error=canceling statement due to user request tx=idle",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nis not in:\n%s", want, got)
		}
	}
	if n := strings.Count(got, "text=select $1::integer rows=1"); n != 50 || strings.Contains(got, "execute text=select 'passed over'") {
		t.Errorf("%d of the batch:\n%s", n, got)
	}
}
