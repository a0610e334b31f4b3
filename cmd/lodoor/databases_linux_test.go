package main

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// TestPostgres runs the usual tools through the door: no error, and one open and one close for each connection that
// PostgreSQL saw.
func TestPostgres(t *testing.T) {
	pg := testkit.Postgres(t, testkit.PostgresOptions{})
	d := openDoor(t, strconv.Itoa(pg.Port))
	before := len(lines(pg.Stderr(), "connection received: host=127.0.0.1"))
	seconds := soak("2", "10")
	through := []string{"-h", "127.0.0.1", "-p", d.portText(), "-U", "postgres"}
	pgbench := func(args ...string) {
		t.Helper()
		out := testkit.Run(t, "pgbench", append(append([]string{}, through...), args...)...)
		if failed := lines(out, "number of failed transactions"); len(failed) == 1 && !strings.Contains(failed[0], ": 0 (") {
			t.Errorf("pgbench %v: %s", args, failed[0])
		}
	}
	pgbench("-i", "-q", "postgres")
	pgbench("-S", "-c", "8", "-T", seconds, "postgres")
	pgbench("-C", "-c", "4", "-T", seconds, "postgres")
	cancelQuery(t, through)
	closes := d.settle()
	// Cancelling takes a connection of its own, which sends no start-up packet; PostgreSQL logs it all the same.
	if saw := len(lines(pg.Stderr(), "connection received: host=127.0.0.1")) - before; saw != len(closes) {
		t.Errorf("PostgreSQL saw %d connections, lodoor %d", saw, len(closes))
	}
	for _, r := range closes {
		if r.Outcome.End != flow.EndFIN {
			t.Errorf("session %s ended by %v, %s", r.Session, r.Outcome.End, r.Outcome.Detail)
		}
	}
}

// cancelQuery interrupts a psql in the middle of a statement.
func cancelQuery(t *testing.T, through []string) {
	t.Helper()
	cmd := exec.Command(testkit.Program(t, "psql"), append(through, "-c", "select pg_sleep(600)", "postgres")...)
	psql := testkit.Start(t, cmd)
	running := func() bool {
		out := testkit.Run(t, "psql", append(append([]string{}, through...), "-Atc",
			"select count(*) from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'", "postgres")...)
		return strings.TrimSpace(out) == "1"
	}
	testkit.Wait(t, "the statement to run", running, 20*time.Second)
	psql.Signal(syscall.SIGINT)
	psql.Wait(20 * time.Second)
	if !strings.Contains(psql.Stderr(), "canceling statement due to user request") {
		t.Errorf("psql said: %s", psql.Stderr())
	}
}

func TestRedis(t *testing.T) {
	server := testkit.Redis(t)
	d := openDoor(t, strconv.Itoa(server.Port))
	requests := soak("20000", "1000000")
	out := testkit.Run(t, "redis-benchmark", "-p", d.portText(), "-t", "set,get", "-P", "16", "-n", requests, "-q")
	if !strings.Contains(out, "SET:") || !strings.Contains(out, "GET:") || strings.Contains(out, "Error") {
		t.Errorf("redis-benchmark said: %s", out)
	}
	closes := d.settle()
	info := testkit.Run(t, "redis-cli", "-p", strconv.Itoa(server.Port), "info", "stats")
	total := lines(info, "total_connections_received:")
	if want := "total_connections_received:" + strconv.Itoa(len(closes)+1); len(total) != 1 || total[0] != want {
		t.Errorf("redis says %v, lodoor saw %d beside the question itself", total, len(closes))
	}
}

func TestIperf3(t *testing.T) {
	for _, mode := range [][]string{{"-P", "4"}, {"-R"}, {"--bidir"}} {
		t.Run(strings.Join(mode, " "), func(t *testing.T) {
			// A server of its own for each: between two tests iperf3 does not listen for a moment.
			d := openDoor(t, strconv.Itoa(testkit.Iperf3(t).Port))
			args := append([]string{"-c", "127.0.0.1", "-p", d.portText(), "-t", soak("1", "10"), "-J"}, mode...)
			var result struct{ Error string }
			if err := json.Unmarshal([]byte(testkit.Run(t, "iperf3", args...)), &result); err != nil || result.Error != "" {
				t.Errorf("iperf3: %v %s", err, result.Error)
			}
			d.settle()
		})
	}
}

// TestCounts compares what lodoor counted of each session with what its two ends counted; the sessions are told apart
// by the backend leg's own port.
func TestCounts(t *testing.T) {
	backend := testkit.EchoServer(t)
	d := openDoor(t, strconv.Itoa(backend.Port()))
	const sessions = 200
	var clients sync.WaitGroup
	for i := range sessions {
		clients.Go(func() { echoClient(t, d.addr(), i*977) })
	}
	clients.Wait()
	closes := d.settle()
	if len(closes) != sessions || len(backend.Connections()) != sessions {
		t.Fatalf("%d sessions: lodoor saw %d, the backend %d", sessions, len(closes), len(backend.Connections()))
	}
	byLeg := make(map[string]*flow.Outcome)
	for _, r := range closes {
		byLeg[r.Outcome.Leg.String()] = r.Outcome
	}
	for _, c := range backend.Connections() {
		// The journal keeps the leg's port; its address is 127.0.0.1 here.
		o := byLeg[c.Remote]
		if o == nil {
			t.Fatalf("the backend saw a connection from %s, which no close names", c.Remote)
		}
		if o.FromClient != c.Read() || o.FromBackend != c.Written() {
			t.Errorf("leg %s: lodoor counted %d and %d bytes, the backend %d and %d",
				c.Remote, o.FromClient, o.FromBackend, c.Read(), c.Written())
		}
	}
}

func echoClient(t *testing.T, addr string, size int) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	message := make([]byte, size)
	_, _ = rand.Read(message)
	go func() {
		_, _ = c.Write(message)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	if got, err := io.ReadAll(c); err != nil || string(got) != string(message) {
		t.Errorf("echo of %d bytes: %d bytes, %v", size, len(got), err)
	}
}

// TestPeerAuthentication: PostgreSQL with peer authentication takes everybody who comes through the door for lodoor's
// own user, so only that user is let in to its socket.
func TestPeerAuthentication(t *testing.T) {
	testkit.NeedRoot(t)
	pg := testkit.Postgres(t, testkit.PostgresOptions{HBA: []string{"local all postgres trust", "local all all peer"}})
	testkit.Run(t, "psql", "-h", pg.SocketDir, "-p", strconv.Itoa(pg.Port), "-U", "postgres", "-c", "create role root login")
	d := openDoor(t, "unix:"+pg.SocketDir+"/.s.PGSQL."+strconv.Itoa(pg.Port))
	ask := []string{"-h", "127.0.0.1", "-p", d.portText(), "-U", "root", "-Atc", "select current_user", "postgres"}
	if out := testkit.Run(t, "psql", ask...); strings.TrimSpace(out) != "root" {
		t.Errorf("lodoor's own user is %q", out)
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(testkit.Program(t, "psql"), ask...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	if out, err := cmd.CombinedOutput(); err == nil || strings.Contains(string(out), "root\n") {
		t.Errorf("a second user was let in: %s", out)
	}
	refused := d.await(flow.EventSessionRefused, 1)
	if v := refused[0].Verdict; v.Cause != flow.CauseIdentity || refused[0].Origin.User != "nobody" {
		t.Errorf("refused %+v, %+v", v, refused[0].Origin)
	}
	d.settle()
}
