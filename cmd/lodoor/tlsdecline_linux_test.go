package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

const appPassword = "correct-horse"

// stockPostgres is a cluster with the settings that Debian's pg_createcluster gives one: TLS is on with a certificate
// that nobody signed, local users are known by their names, those who come by TCP by a password.
func stockPostgres(t *testing.T) *testkit.PostgresServer {
	t.Helper()
	testkit.Need(t, "openssl")
	dir, err := os.MkdirTemp("", "testkit-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cert, key := certificate(t, dir)
	if os.Geteuid() == 0 { // the server runs as postgres then
		u, err := user.Lookup("postgres")
		if err != nil {
			testkit.Missing(t, "there is no user postgres")
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{dir, cert, key} {
			if err := os.Chown(name, uid, -1); err != nil {
				t.Fatal(err)
			}
		}
	}
	pg := testkit.Postgres(t, testkit.PostgresOptions{
		HBA: []string{
			"local all postgres peer map=tests", "local all all peer", "host all all 127.0.0.1/32 scram-sha-256",
			"host all all ::1/128 scram-sha-256",
		},
		Settings: map[string]string{
			"ssl": "on", "ssl_cert_file": cert, "ssl_key_file": key, "log_statement": "all", "ident_file": identFile(t, dir),
		},
	})
	pg.SQL(t, "create role app login password '"+appPassword+"'")
	return pg
}

// identFile lets whoever runs the tests be postgres at the Unix socket.
func identFile(t *testing.T, dir string) string {
	t.Helper()
	name := filepath.Join(dir, "pg_ident.conf")
	if err := os.WriteFile(name, []byte("tests /^.*$ postgres\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// psqlApp is psql as somebody has it who has set nothing, with more of a connection string.
func psqlApp(t *testing.T, port, more, statement string) (string, error) {
	t.Helper()
	cmd := exec.Command(testkit.Program(t, "psql"), "-X", "-At", "-c", statement, "host=127.0.0.1 port="+port+" user=app dbname=postgres "+more)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "PGPASSWORD="+appPassword)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

const (
	seenStatement = "select 'visible'"
	tlsStatement  = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
)

// A stock psql at a stock cluster prefers TLS. With tls: decline its statements are in the recording and in the journal.
func TestStockPostgresDeclined(t *testing.T) {
	pg := stockPostgres(t)
	lanes(t, func(t *testing.T, lane string) {
		d := openRecordingDoor(t, pg.Port, "pgsql", "", "--protocol=postgres", "--tls=decline", "--operations=all", lane)
		d.taken, d.reply = uint64(len(sslRequest)), uint64(len("N"))
		for statement, want := range map[string]string{seenStatement: "visible\n", tlsStatement: "f\n"} {
			if out, err := psqlApp(t, d.portText(), "", statement); err != nil || out != want {
				t.Errorf("psql says %q, %v", out, err)
			}
		}
		files := d.check()
		d.found(files[0], `pgsql.query contains "`+seenStatement+`" && frame.interface_id == 0`)
		d.found(files[0], `pgsql.query contains "`+seenStatement+`" && frame.interface_id == 1`)
		told := 0
		for _, r := range d.records(flow.EventOperation) {
			if r.Operation.Text == seenStatement {
				told++
			}
		}
		if told != 1 {
			t.Errorf("%d operations have the statement", told)
		}
	})
}

// With tls: pass the session is left as it is, and a note says once what could be done.
func TestStockPostgresPassed(t *testing.T) {
	pg := stockPostgres(t)
	d := openRecordingDoor(t, pg.Port, "tls", "", "--protocol=postgres", "--operations=all")
	for range 3 {
		if out, err := psqlApp(t, d.portText(), "", tlsStatement); err != nil || out != "t\n" {
			t.Errorf("psql says %q, %v", out, err)
		}
	}
	files := d.check()
	if n := strings.Count(d.Stderr(), "--tls decline"); n != 1 {
		t.Errorf("the note is there %d times:\n%s", n, d.Stderr())
	}
	for _, file := range files {
		if d.tshark(file, "-Y", `frame contains "pg_stat_ssl"`) != "" {
			t.Error("a statement is in the recording")
		}
	}
}

// Who requires TLS leaves, and the records and the session's line say why.
func TestStockPostgresRequired(t *testing.T) {
	pg := stockPostgres(t)
	d := openRecordingDoor(t, pg.Port, "pgsql", "", "--protocol=postgres", "--tls=decline", "--log-format=console")
	out, err := psqlApp(t, d.portText(), "sslmode=require", seenStatement)
	if err == nil || !strings.Contains(out, "server does not support SSL") {
		t.Errorf("psql says %q, %v", out, err)
	}
	askForEncryption(t, d.addr())
	d.await(flow.EventSessionClose, 2)
	closes := d.settle()
	for _, r := range closes {
		if v := r.Verdict; r.Outcome.End != flow.EndDenied || v == nil || !strings.Contains(v.Reason, "requires TLS") ||
			!strings.Contains(v.Reason, "sslmode=prefer") {
			t.Errorf("session %s ended by %v: %+v", r.Session, r.Outcome.End, v)
		}
	}
	told := 0
	for _, line := range lines(d.Stdout()+d.Stderr(), "requires TLS") {
		if strings.Contains(line, " close ") {
			told++
		}
	}
	if told != len(closes) {
		t.Errorf("%d lines of sessions say why:\n%s", told, d.Stdout())
	}
	if log := pg.Log(); strings.Contains(log, seenStatement) {
		t.Errorf("the server was asked:\n%s", log)
	}
}

// What a PostgreSQL client asks before anything else (PostgreSQL documentation, Message Formats).
const (
	sslRequest = "\x00\x00\x00\x08\x04\xd2\x16\x2f"
	gssRequest = "\x00\x00\x00\x08\x04\xd2\x16\x30"
)

// askForEncryption asks as a client with Kerberos does, for GSSAPI and then for TLS, and leaves when it gets neither.
func askForEncryption(t *testing.T, addr string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, ask := range []string{gssRequest, sslRequest} {
		if _, err := io.WriteString(c, ask); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 1)
		if _, err := io.ReadFull(c, answer); err != nil || answer[0] != 'N' {
			t.Errorf("answered %q, %v", answer, err)
		}
	}
}
