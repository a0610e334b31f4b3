package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// openReadingDoor is in front of one service of which it finds out what it speaks, or is told by more.
func openReadingDoor(t *testing.T, backend int, keys, more string) *testDoor {
	t.Helper()
	return configured(t, fmt.Sprintf("services: [{name: svc, listen: PORT, backend: %d%s}]\nprivacy: {statements: text}\n%s\n",
		backend, more, keys))
}

// texts are those of the operations in the journal, sorted, as f has them; it leaves out what it answers nothing for.
func (d *testDoor) texts(f func(o *flow.Operation) string) (all []string) {
	d.t.Helper()
	for _, r := range d.records(flow.EventOperation) {
		if r.Operation.Unfinished {
			d.t.Errorf("nobody finished %+v", r.Operation)
		}
		if text := f(r.Operation); text != "" {
			all = append(all, text)
		}
	}
	slices.Sort(all)
	return all
}

// sameTexts wants the journal to have what the server logged, as often.
func sameTexts(t *testing.T, logged, told []string, least int) {
	t.Helper()
	slices.Sort(logged)
	if diff := gocmp.Diff(logged, told); diff != "" || len(told) < least {
		t.Errorf("%d operations, the server logged %d, expected at least %d (-logged +told):\n%.4000s", len(told), len(logged), least, diff)
	}
}

// TestOperationsOfPostgres: the statements in the journal are those that PostgreSQL logged, in all ways of asking.
func TestOperationsOfPostgres(t *testing.T) {
	pg := testkit.Postgres(t, testkit.PostgresOptions{Settings: map[string]string{"log_statement": "all", "log_line_prefix": "%r> "}})
	d := openReadingDoor(t, pg.Port, "operations: {record: all}", "")
	through := []string{"-h", "127.0.0.1", "-p", d.portText(), "-U", "postgres"}
	ask := func(name string, args ...string) {
		testkit.Run(t, name, append(append(slices.Clone(through), args...), "postgres")...)
	}
	ask("pgbench", "-i", "-q")
	for _, mode := range []string{"simple", "extended", "prepared"} {
		ask("pgbench", "-n", "-c", "2", "-t", soak("20", "2000"), "-M", mode)
	}
	ask("psql", "-X", "-c", "copy (select 'é''' from generate_series(1, 1000)) to stdout", "-c", "select 'a\n\tb'", "-c", "begin", "-c", "rollback")
	d.settle()
	// A message of its own begins with who asked; what follows of it begins with a tab.
	log := strings.ReplaceAll(pg.Log(), "\n\t", "\x00")
	var logged []string
	for _, m := range regexp.MustCompile(`(?m)^127\.0\.0\.1\(\d+\)> LOG:  (?:statement|execute [^:]*): (.*)$`).FindAllStringSubmatch(log, -1) {
		logged = append(logged, strings.ReplaceAll(m[1], "\x00", "\n"))
	}
	sameTexts(t, logged, d.texts(func(o *flow.Operation) string {
		if o.Protocol != "postgres" || o.System != "postgresql" || o.Namespace != "postgres" || o.User != "postgres" || o.Failed {
			t.Errorf("%+v", o)
		}
		if o.Kind == "login" || o.Kind == "prepare" {
			return ""
		}
		return o.Text
	}), 400)
}

// TestOperationsOfRedis: the commands in the journal are those that MONITOR told.
func TestOperationsOfRedis(t *testing.T) {
	server := testkit.Redis(t)
	monitor := testkit.Start(t, exec.Command(testkit.Program(t, "redis-cli"), "-p", strconv.Itoa(server.Port), "monitor"))
	testkit.Wait(t, "MONITOR", func() bool { return strings.Contains(monitor.Stdout(), "OK") }, 20*time.Second)
	d := openReadingDoor(t, server.Port, "operations: {record: all}", "")
	testkit.Run(t, "redis-benchmark", "-p", d.portText(), "-t", "set,get,lpush", "-P", "16", "-c", "4", "-n", soak("1600", "6400"), "-q")
	testkit.Run(t, "redis-cli", "-p", d.portText(), "set", "last", "one \"\r\n\x01\xff")
	testkit.Wait(t, "the last command", func() bool { return strings.Contains(monitor.Stdout(), `"last"`) }, 20*time.Second)
	d.settle()
	var logged []string
	for line := range strings.Lines(monitor.Stdout()) {
		if _, words, ok := strings.Cut(strings.TrimSpace(line), "] "); ok {
			name, _, _ := strings.Cut(words, " ")
			logged = append(logged, strings.ToUpper(strings.Trim(name, `"`)))
		}
	}
	sameTexts(t, logged, d.texts(func(o *flow.Operation) string {
		if o.Protocol != "redis" || o.Namespace != "0" {
			t.Errorf("%+v", o)
		}
		name, _, _ := strings.Cut(o.Name, " ")
		if name == "CONFIG" { // MONITOR leaves out what is for administrators
			return ""
		}
		return name
	}), 4801)
}

// TestOperationsOfMariaDB: the statements in the journal are those of the general log.
func TestOperationsOfMariaDB(t *testing.T) {
	m := testkit.MariaDB(t, testkit.MariaDBOptions{})
	d := openReadingDoor(t, m.Port, "operations: {record: all}", "")
	const begin = "SELECT 'begin'"
	script := begin + "; CREATE TABLE a (b TEXT);" + strings.Repeat("INSERT INTO a VALUES ('é'), ('it''s'); SELECT COUNT(*) FROM a;", 50) +
		"SELECT * FROM nothing; PREPARE p FROM 'SELECT ?'; SET @a = 1; EXECUTE p USING @a;"
	cmd := exec.Command(testkit.Program(t, "mariadb"), "--no-defaults", "-h", "127.0.0.1", "-P", d.portText(), "-u", "root", "--force", "test")
	cmd.Stdin = strings.NewReader(script)
	if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), "1146") { // the client ends with 1, as one failed
		t.Errorf("mariadb said %s", out)
	}
	d.settle()
	log := m.GeneralLog(t)
	log = log[strings.Index(log, begin)-20:]
	var logged []string
	for _, line := range regexp.MustCompile(`(?m)\tQuery\t|\d+ Query\t(.*)$`).FindAllStringSubmatch(log, -1) {
		logged = append(logged, line[1])
	}
	failed := 0
	told := d.texts(func(o *flow.Operation) string {
		if o.Protocol != "mysql" || o.System != "mariadb" || o.User != "root" || o.Failed != (o.Status == "1146") {
			t.Errorf("%+v", o)
		}
		if o.Failed {
			failed++
		}
		if o.Kind == "login" || o.Text == "" || strings.HasPrefix(strings.ToLower(o.Text), "select @@version_comment") {
			return ""
		}
		return o.Text
	})
	// The server logs the statement that PREPARE and EXECUTE run as a command of its own.
	sameTexts(t, logged, told, 105)
	if failed != 1 {
		t.Errorf("%d failed", failed)
	}
}

// TestOperationsThatAreChosen: slow ones and failed ones, or a sample.
func TestOperationsThatAreChosen(t *testing.T) {
	pg := testkit.Postgres(t, testkit.PostgresOptions{})
	for _, tc := range []struct {
		keys string
		want func(texts []string) bool
	}{
		{"operations: {record: slow, slower_than: 1h}", func(texts []string) bool { return slices.Equal(texts, []string{"select 1/0"}) }},
		{"operations: {record: slow, slower_than: 300ms}", func(texts []string) bool {
			return slices.Contains(texts, "select 1/0") && slices.Contains(texts, "select pg_sleep(0.4)")
		}},
		{"operations: {record: sample, sample: 10}", func(texts []string) bool { return len(texts) >= 5 && len(texts) <= 7 }},
		{"", func(texts []string) bool { return len(texts) == 0 }},
	} {
		d := openReadingDoor(t, pg.Port, tc.keys, "")
		args := []string{"-Xqh", "127.0.0.1", "-p", d.portText(), "-U", "postgres", "-c", "select 1/0", "-c", "select pg_sleep(0.4)"}
		for range 50 {
			args = append(args, "-c", "select 1")
		}
		testkit.Run(t, "psql", append(args, "postgres")...)
		d.settle()
		if texts := d.texts(func(o *flow.Operation) string { return o.Text }); !tc.want(texts) {
			t.Errorf("with %q: %q", tc.keys, texts)
		}
	}
}

// TestReadingThatFails: what is not the protocol that was promised goes on its way all the same, and that is said once and
// without what it was.
func TestReadingThatFails(t *testing.T) {
	for _, protocol := range []string{"postgres", "mysql", "redis", "http"} {
		t.Run(protocol, func(t *testing.T) {
			backend := testkit.EchoServer(t)
			d := openReadingDoor(t, backend.Port(), "operations: {record: all}", ", gate: false, protocol: "+protocol)
			garbage := strings.Repeat("$-7\x00\xff"+plantedBegin+" \r\n", 10_000)
			for range 3 {
				c, err := net.Dial("tcp", d.addr())
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					_, _ = io.WriteString(c, garbage)
					_ = c.(*net.TCPConn).CloseWrite()
				}()
				if got, err := io.ReadAll(c); err != nil || string(got) != garbage {
					t.Errorf("%d bytes came back of %d: %v", len(got), len(garbage), err)
				}
				_ = c.Close()
			}
			d.await(flow.EventSessionClose, 3)
			d.settle()
			said := lines(d.Stderr(), "nothing more of such a session is read")
			if len(said) != 1 || !strings.Contains(said[0], "svc") || strings.Contains(d.Stderr(), plantedBegin) {
				t.Errorf("lodoor said: %s", d.Stderr())
			}
		})
	}
}

// TestManyOperations: however fast they come, and though nobody takes what the door prints, the sessions go on; what was
// dropped is counted, and the journal has everything else, all opens and closes among it.
func TestManyOperations(t *testing.T) {
	server := testkit.Redis(t)
	d := openReadingDoor(t, server.Port, "operations: {record: all}\njournal: {rotate_size: 4MiB, max_size: 8GiB}", "")
	out := testkit.Run(t, "redis-benchmark", "-p", d.portText(), "-t", "get", "-P", "64", "-c", "16", "-n", soak("60000", "3000000"), "-q")
	if !strings.Contains(out, "GET:") || strings.Contains(out, "rror") {
		t.Errorf("redis-benchmark said: %s", out)
	}
	var s control.Status
	testkit.Wait(t, "all operations to be accounted for", func() bool {
		stdout, _, _ := d.Run("status", "--json", "--dir", d.dir)
		return json.Unmarshal([]byte(stdout), &s) == nil && s.Operations != nil && s.Operations.Recorded+s.Operations.Dropped == s.Operations.Seen
	}, fleetWait)
	d.settle()
	if told := len(d.records(flow.EventOperation)); uint64(told) != s.Operations.Recorded || s.Operations.Seen < 60000 {
		t.Errorf("%d in the journal; %+v", told, s.Operations)
	}
	if said := len(lines(d.Stderr(), "operations were dropped")); (said > 0) != (s.Operations.Dropped > 0) {
		t.Errorf("%d dropped, and it was said %d times", s.Operations.Dropped, said)
	}
	if gaps := d.records(flow.EventJournalGap); len(gaps) > 0 {
		t.Errorf("the journal lost records: %+v", gaps[0].Journal)
	}
	t.Logf("%+v", *s.Operations)
}
