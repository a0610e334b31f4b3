package backend_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/replay/replaytest"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	pg := testkit.Postgres(t, testkit.PostgresOptions{})
	t.Run("psql", func(t *testing.T) { testPsql(t, pg) })
	t.Run("what was not recorded", func(t *testing.T) { testPsqlUnknown(t, pg) })
	t.Run("the extended protocol", func(t *testing.T) { testExtended(t, pg) })
	t.Run("pgbench", func(t *testing.T) { testPgbench(t, pg) })
}

// psql runs psql at a port and returns all that it said.
func psql(t *testing.T, port, input string, args ...string) string {
	t.Helper()
	cmd := exec.Command(testkit.Program(t, "psql"), append([]string{"--no-psqlrc", "-h", "127.0.0.1", "-p", port, "-U", "postgres",
		"-d", "postgres"}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC", "PGAPPNAME=test")
	out, err := cmd.CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(out), `"`+port+`"`, "PORT")
}

// talk is what psql is asked for: what people do with it.
func talk() []string {
	return []string{
		"CREATE TABLE fruit (id int PRIMARY KEY, name text NOT NULL);\nINSERT INTO fruit VALUES (1, 'apple'), (2, 'pear');\n\\d fruit\n\\d\n",
		"SELECT count(*) FROM fruit;\nINSERT INTO fruit VALUES (3, 'plum');\nSELECT count(*) FROM fruit;\n",
		"COPY fruit FROM STDIN;\n4\tfig\n5\tdate\n\\.\nCOPY fruit TO STDOUT;\n",
		"SELECT 1/0;\nSELECT nothing;\nSELEC;\nINSERT INTO fruit VALUES (1, 'again');\n",
		"BEGIN;\nSELECT * FROM fruit ORDER BY id;\nSELECT 1/0;\nSELECT 2;\nROLLBACK;\nSELECT 3;\n",
		"LISTEN door;\nNOTIFY door, 'knock';\nSELECT 4;\nDO $$ BEGIN RAISE NOTICE 'hear'; END $$;\n",
		"SELECT generate_series(1, 50000) AS n;\n",
		"\\copy fruit from stdin\n6\tkiwi\nseven\tx\n\\.\nSELECT max(id) FROM fruit;\n",
		"\\l\n\\du\n\\df fruit*\n\\conninfo\n",
	}
}

func testPsql(t *testing.T, pg *testkit.PostgresServer) {
	t.Parallel()
	var want []string
	path := replaytest.Record(t, "postgres", pg.Port, func(port string) {
		for _, input := range talk() {
			want = append(want, psql(t, port, input))
		}
	})
	a := answer(t, path)
	for i, input := range talk() {
		if diff := cmp.Diff(want[i], psql(t, a.port, input)); diff != "" {
			t.Errorf("%s\nthe service and the recording:\n%.4000s", input, diff)
		}
	}
	if m := a.misses(); len(m) > 0 {
		t.Errorf("not in the recording: %q", m)
	}
	if len(a.notes) > 0 || a.Protocol() != "postgres" || a.Sessions() != len(talk()) {
		t.Errorf("notes %q, protocol %s, %d sessions", a.notes, a.Protocol(), a.Sessions())
	}
}

// What was not recorded is an error, and the session goes on.
func testPsqlUnknown(t *testing.T, pg *testkit.PostgresServer) {
	t.Parallel()
	path := replaytest.Record(t, "postgres", pg.Port, func(port string) {
		psql(t, port, "SELECT 1;\nBEGIN;\nSELECT 2;\nCOMMIT;\nCREATE TEMP TABLE t (a int);\nCOPY t FROM STDIN;\n1\n\\.\n")
	})
	a := answer(t, path)
	out := psql(t, a.port, "SELECT 5;\nSELECT 1;\nBEGIN;\nSELECT 6;\nROLLBACK;\nSELECT 2;\nCOPY t FROM STDIN;\n2\n\\.\nSELECT 1;\n",
		"-At", "--set=VERBOSITY=verbose")
	for _, want := range []string{
		"ERROR:  LD001: this statement is not in the recording monday.pcapng", "DETAIL:  SELECT 5",
		"HINT:  The recording answers only what was asked in it", "\n1\nBEGIN\nERROR:  LD001", "\nROLLBACK\n2\n",
		"ERROR:  LD001: this statement with these data is not in the recording",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("psql does not show %q:\n%s", want, out)
		}
	}
	if !strings.HasSuffix(out, "\n1\n") {
		t.Errorf("the session does not go on:\n%s", out)
	}
	if want := []string{"SELECT 5;", "SELECT 6;", "COPY t FROM STDIN;"}; !slices.Equal(a.misses(), want) || a.Missed() != 3 {
		t.Errorf("missed %q, %d", a.misses(), a.Missed())
	}
}

// drive is a program that uses the extended protocol.
func drive(ctx context.Context, port string, mode pgx.QueryExecMode) (said []string, err error) {
	config, err := pgx.ParseConfig("host=127.0.0.1 user=postgres dbname=postgres port=" + port)
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = mode
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close(ctx) }()
	ask := func(query string, args ...any) {
		rows, err := c.Query(ctx, query, args...)
		if err == nil {
			var all []string
			all, err = pgx.CollectRows(rows, pgx.RowTo[string])
			said = append(said, fmt.Sprint(all))
		}
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
			said = append(said, pgErr.Code+" "+pgErr.Message)
		} else if err != nil {
			said = append(said, err.Error())
		}
	}
	for i := range 5 {
		ask("SELECT (10 * $1::int)::text", i)
	}
	ask("SELECT (1 / $1::int)::text", 0)
	ask("SELECT nobody FROM nowhere WHERE a = $1", 1)
	ask("SELECT n::text FROM generate_series(1, $1::int) AS n", 3)
	tx, err := c.Begin(ctx)
	if err != nil {
		return said, err
	}
	ask("SELECT 'in ' || $1::text", "tx")
	if err := tx.Rollback(ctx); err != nil {
		return said, err
	}
	if mode != pgx.QueryExecModeCacheStatement {
		return said, nil
	}
	batch := &pgx.Batch{}
	for i := range 3 {
		batch.Queue("SELECT $1::text || '!'", fmt.Sprint("b", i))
	}
	results := c.SendBatch(ctx, batch)
	for range 3 {
		var s string
		err := results.QueryRow().Scan(&s)
		said = append(said, fmt.Sprint(s, err))
	}
	return said, results.Close()
}

// A program that is served the way it was recorded, and one that puts its questions together in another way.
func testExtended(t *testing.T, pg *testkit.PostgresServer) {
	t.Parallel()
	var want []string
	path := replaytest.Record(t, "postgres", pg.Port, func(port string) {
		var err error
		if want, err = drive(t.Context(), port, pgx.QueryExecModeCacheStatement); err != nil {
			t.Fatal(err)
		}
	})
	a := answer(t, path)
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeCacheStatement,
	} {
		got, err := drive(t.Context(), a.port, mode)
		if diff := cmp.Diff(want[:min(len(want), len(got))], got); len(got) < len(want)-3 || diff != "" || err != nil {
			t.Errorf("%v: %v\n%s", mode, err, diff)
		}
	}
	if m := a.misses(); len(m) > 0 {
		t.Errorf("not in the recording: %q", m)
	}
}

func testPgbench(t *testing.T, pg *testkit.PostgresServer) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("\\set n random(1, 1000000)\nBEGIN;\nSELECT :n;\nEND;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"simple", "extended", "prepared"} {
		bench := func(port string) {
			testkit.Run(t, "pgbench", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-n", "-f", script, "-M", mode,
				"--random-seed=7", "-c", "3", "-t", "50", "postgres")
		}
		a := answer(t, replaytest.Record(t, "postgres", pg.Port, bench))
		bench(a.port)
		if m := a.misses(); len(m) > 0 {
			t.Errorf("%s: %d of the questions are not in the recording: %q", mode, len(m), m[0])
		}
	}
}
