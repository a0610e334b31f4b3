package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/operations"
	"github.com/lodoor/lodoor/proxy/flow"
)

// calls are the figures of the statements that begin with a text.
func calls(t *testing.T, d *testDoor, text string, args ...string) (n float64) {
	t.Helper()
	out, errs, code := d.Run(append([]string{"queries", "--json", "--limit", "0"}, args...)...)
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for line := range strings.Lines(out) {
		var row struct {
			Text  string  `json:"text"`
			Calls float64 `json:"calls"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(row.Text, text) {
			n += row.Calls
		}
	}
	return n
}

// TestQueriesOfPostgres has the same of a journal and of a recording, as often as pgbench has asked.
func TestQueriesOfPostgres(t *testing.T) {
	testkit.Need(t, "pgbench", "psql")
	t.Setenv("PGSSLMODE", "disable")
	server := testkit.Postgres(t, testkit.PostgresOptions{})
	rec := t.TempDir()
	d := openDoor(t, strconv.Itoa(server.Port), "--operations", "all", "--record", rec)
	through := []string{"-h", "127.0.0.1", "-p", d.portText(), "-U", "postgres"}
	testkit.Run(t, "pgbench", append(through, "-i", "-q", "postgres")...)
	testkit.Run(t, "pgbench", append(through, "-n", "-c", "2", "-t", "25", "postgres")...)
	testkit.Run(t, "pgbench", append(through, "-n", "-S", "-M", "extended", "-t", "30", "postgres")...)
	d.settle()
	for _, args := range [][]string{{"--dir", d.dir}, {rec}} {
		for text, want := range map[string]float64{"UPDATE pgbench_accounts": 50, "END": 50, "SELECT abalance": 80} {
			if n := calls(t, d, text, args...); n != want {
				t.Errorf("%q: %s was asked %v times, want %v", args, text, n, want)
			}
		}
	}
}

// TestQueriesFollow has a transaction that is idle, live, and over when its session has ended.
func TestQueriesFollow(t *testing.T) {
	testkit.Need(t, "psql")
	t.Setenv("PGSSLMODE", "disable")
	server := testkit.Postgres(t, testkit.PostgresOptions{})
	d := openDoor(t, strconv.Itoa(server.Port))
	t.Setenv("STATE_DIRECTORY", d.State())
	t.Setenv("RUNTIME_DIRECTORY", d.Runtime())
	doors, _, err := control.Find(t.Context())
	if err != nil || len(doors) != 1 {
		t.Fatalf("%d doors, %v", len(doors), err)
	}
	ctx, stop := context.WithCancel(t.Context())
	f := followOperations(ctx, doors, "")
	defer func() {
		stop()
		for range f.came { // until it ends
		}
	}()
	<-f.begun
	end := idlePsql(t, d)
	q := &queries{
		view:  queryView{limit: 10, width: sheetWidth},
		table: operations.Table{Limits: operations.Limits{Idle: 50 * time.Millisecond}},
	}
	var screen strings.Builder
	live := &liveTables{q, &screen, doors, make(map[flow.SessionID]time.Time)}
	shows := func(what string) {
		testkit.Wait(t, what, func() bool {
			for len(f.came) > 0 {
				r := <-f.came
				q.add(&r)
			}
			screen.Reset()
			if err := live.tick(ctx); err != nil {
				t.Fatal(err)
			}
			return strings.Contains(screen.String(), what)
		}, patience)
	}
	shows(" open  ")
	end()
	shows(" over  ")
	if !strings.HasPrefix(screen.String(), "\x1b[H\x1b[2J") {
		t.Errorf("%q", screen.String())
	}
}

// idlePsql is a psql that has asked something in a transaction, and stays until it is told to end.
func idlePsql(t *testing.T, d *testDoor) (end func()) {
	t.Helper()
	psql := exec.Command(testkit.Program(t, "psql"), "-h", "127.0.0.1", "-p", d.portText(), "-U", "postgres", "-X", "-At")
	in, err := psql.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := psql.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := psql.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, "begin;\nselect 4711;\n")
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "4711"; {
	}
	return func() {
		_ = in.Close()
		_ = psql.Wait()
	}
}
