package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
)

// lanes runs a test with each way in which bytes move.
func lanes(t *testing.T, test func(t *testing.T, lane string)) {
	for _, kind := range []string{"loop", "copy"} {
		t.Run(kind, func(t *testing.T) { test(t, "--lane="+kind) })
	}
}

// pgbench in its three ways of asking, and with a connection for each transaction.
func TestRecordPgbench(t *testing.T) {
	pg := testkit.Postgres(t, testkit.PostgresOptions{})
	testkit.Run(t, "pgbench", "-h", "127.0.0.1", "-p", strconv.Itoa(pg.Port), "-U", "postgres", "-i", "-q", "postgres")
	lanes(t, func(t *testing.T, lane string) {
		server := witnessBehind(t, pg.Port)
		d := openRecordingDoor(t, server.port, "pgsql", "", "--protocol=postgres", lane)
		client := witnessInFront(t, d.port)
		through := []string{"-h", "127.0.0.1", "-p", strconv.Itoa(client.port), "-U", "postgres", "-n"}
		for _, how := range []string{"simple", "extended", "prepared"} {
			testkit.Run(t, "pgbench", append(through, "-M", how, "-c", "4", "-t", soak("25", "2000"), "postgres")...)
		}
		testkit.Run(t, "pgbench", append(through, "-S", "-C", "-c", "2", "-t", "10", "postgres")...)
		files := d.check()
		agree(t, exchangesOf(t, nil, files...), client, server)
		query := d.tshark(files[0], "-Y", `pgsql.query contains "SELECT abalance"`, "-T", "fields", "-e", "frame.interface_id")
		if !strings.Contains(query, "0\n") || !strings.Contains(query, "1\n") {
			t.Errorf("tshark sees queries of pgbench on %q, want both interfaces", query)
		}
	})
}

// psql with COPY both ways and an error. Its sessions are found by the name of the program.
func TestRecordPsql(t *testing.T) {
	pg := testkit.Postgres(t, testkit.PostgresOptions{})
	lanes(t, func(t *testing.T, lane string) {
		server := witnessBehind(t, pg.Port)
		d := openRecordingDoor(t, server.port, "pgsql", "", "--protocol=postgres", lane)
		script := filepath.Join(t.TempDir(), "script.sql")
		if err := os.WriteFile(script, []byte(copyScript()), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(testkit.Program(t, "psql"), "-X", "-h", "127.0.0.1", "-p", d.portText(), "-U", "postgres", "-f", script,
			"postgres").CombinedOutput()
		if err != nil || !strings.Contains(string(out), `relation "nowhere" does not exist`) || !strings.Contains(string(out), "COPY 3000") {
			t.Fatalf("psql: %v\n%s", err, out)
		}
		files := d.check()
		if len(files) != 1 {
			t.Fatalf("recordings %v", files)
		}
		agree(t, exchangesOf(t, nil, files...), server)
		d.found(files[0], `frame.comment contains "psql" && frame.comment contains "session="`)
		d.found(files[0], `pgsql.type == "Copy data"`)
		d.found(files[0], `pgsql.code == "42P01"`)
		d.described(files[0])
	})
}

func copyScript() string {
	var b strings.Builder
	b.WriteString("drop table if exists t;\ncreate table t (n int, what text);\ncopy t from stdin;\n")
	for i := range 3000 {
		b.WriteString(strconv.Itoa(i) + "\tsomething\n")
	}
	b.WriteString("\\.\nselect * from nowhere;\ncopy t to stdout;\nselect count(*) from t;\n")
	return b.String()
}

// found fails the test when a filter finds nothing in a recording.
func (d *recordingDoor) found(file, filter string) {
	d.t.Helper()
	if d.tshark(file, "-Y", filter, "-c", "100000") == "" {
		d.t.Errorf("tshark finds nothing with %s", filter)
	}
}

// described checks what a recording says of itself: two interfaces with statistics, and names for addresses.
func (d *recordingDoor) described(file string) {
	d.t.Helper()
	out := testkit.Run(d.t, "capinfos", file)
	for _, want := range []string{
		"Number of interfaces in file: 2", "Name = svc front", "Name = svc back", "Capture comment:     rebuilt from the relay's reads",
	} {
		if !strings.Contains(out, want) {
			d.t.Errorf("capinfos does not say %q:\n%s", want, out)
		}
	}
	if n := strings.Count(out, "Number of stat entries = 1"); n != 2 {
		d.t.Errorf("%d interfaces have statistics", n)
	}
	if hosts := d.tshark(file, "-q", "-z", "hosts"); !strings.Contains(hosts, "127.0.0.1\tsvc") {
		d.t.Errorf("the service has no name:\n%s", hosts)
	}
}

func TestRecordRedisBenchmark(t *testing.T) {
	redis := testkit.Redis(t)
	lanes(t, func(t *testing.T, lane string) {
		server := witnessBehind(t, redis.Port)
		d := openRecordingDoor(t, server.port, "resp", "", lane)
		client := witnessInFront(t, d.port)
		testkit.Run(t, "redis-benchmark", "-p", strconv.Itoa(client.port), "-t", "set,get,lrange_100", "-c", "10", "-P", "16", "-n",
			soak("1000", "100000"), "-q")
		files := d.check()
		agree(t, exchangesOf(t, nil, files...), client, server)
		d.found(files[0], `resp.bulk_string.value == "SET"`)
	})
}

// What is overwritten by default is the server's salt and the client's proof, so that the ends are compared without it.
func TestRecordMariaDB(t *testing.T) {
	db := testkit.MariaDB(t, testkit.MariaDBOptions{})
	lanes(t, func(t *testing.T, lane string) {
		server := witnessBehind(t, db.Port)
		whole := lane == "--lane=loop"
		settings := fmt.Sprintf("redact: {authentication: %t}", !whole)
		d := openRecordingDoor(t, server.port, "mysql", settings, "--protocol=mysql", lane)
		client := witnessInFront(t, d.port)
		cmd := exec.Command(testkit.Program(t, "mariadb"), "--no-defaults", "--host=127.0.0.1", "--port="+strconv.Itoa(client.port),
			"--user=root", "--force", "test")
		cmd.Stdin = strings.NewReader(`create or replace table t (n int, what text);
insert into t select seq, 'something' from seq_1_to_2000;
select * from nowhere;
prepare p from 'select * from t where n > ?';
set @n = 100;
execute p using @n;
`)
		out, err := cmd.CombinedOutput()
		if !strings.Contains(string(out), "2000\tsomething") || !strings.Contains(string(out), "doesn't exist") {
			t.Fatalf("mariadb: %v\n%s", err, out)
		}
		files := d.check()
		if whole {
			agree(t, exchangesOf(t, nil, files...), client, server)
		}
		d.found(files[0], `mysql.query contains "seq_1_to_2000"`)
		d.found(files[0], `mysql.error_code == 1146`)
	})
}

// curl asks for several files on one connection.
func TestRecordCurl(t *testing.T) {
	site := nginx(t, "")
	lanes(t, func(t *testing.T, lane string) {
		server := witnessBehind(t, site.port)
		d := openRecordingDoor(t, server.port, "http", "", "--protocol=http", lane)
		client := witnessInFront(t, d.port)
		url := "http://127.0.0.1:" + strconv.Itoa(client.port) + "/"
		args := []string{"-sS", "-H", "Host: localhost:" + d.portText(), "-w", "%{http_code} %{num_connects}\n"}
		for _, name := range []string{"small", "large", "missing", "small"} {
			args = append(args, "-o", os.DevNull, url+name)
		}
		if out := testkit.Run(t, "curl", args...); out != "200 1\n200 0\n404 0\n200 0\n" {
			t.Errorf("curl says %q", out)
		}
		files := d.check()
		agree(t, exchangesOf(t, nil, files...), client, server)
		d.found(files[0], `http.request.uri == "/large" && frame.interface_id == 0`)
		d.found(files[0], `http.response.code == 404 && frame.interface_id == 1`)
	})
}
