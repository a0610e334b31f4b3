package testkit_test

import (
	"net"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
)

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func TestFreePort(t *testing.T) {
	port := testkit.FreePort(t)
	l, err := net.Listen("tcp", address(port))
	if err != nil {
		t.Fatalf("port %d is not free: %v", port, err)
	}
	_ = l.Close()
	if port < 20000 || port > 32767 {
		t.Errorf("port %d lies among those of outgoing connections", port)
	}
}

func TestPostgres(t *testing.T) {
	pg := testkit.Postgres(t, testkit.PostgresOptions{Settings: map[string]string{"max_connections": "7"}})
	if got := pg.SQL(t, "select 1, 'two'; show max_connections; show fsync"); got != "1|two\n7\noff" {
		t.Errorf("rows %q", got)
	}
	got := testkit.Run(t, "psql", "-XAtc", "select inet_client_addr()", "-h", "127.0.0.1", "-p", strconv.Itoa(pg.Port),
		"-U", "postgres")
	if got != "127.0.0.1\n" {
		t.Errorf("client address over TCP: %q", got)
	}
	testkit.Wait(t, "the connection in the log", func() bool {
		return strings.Contains(pg.Log(), "connection received: host=127.0.0.1 port=")
	}, 10*time.Second)
	if _, err := os.Stat(pg.SocketPath()); err != nil {
		t.Errorf("socket: %v", err)
	}
}

// TestPostgresPeer: with peer authentication the server believes the kernel, so the client must be the right user.
func TestPostgresPeer(t *testing.T) {
	testkit.NeedRoot(t)
	pg := testkit.Postgres(t, testkit.PostgresOptions{HBA: []string{"local all all peer"}})
	if got := pg.SQL(t, "select current_user"); got != "postgres" {
		t.Errorf("the owner reads %q", got)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(testkit.Program(t, "psql"), "-XAtc", "select 1", "-h", pg.SocketDir, "-p", strconv.Itoa(pg.Port),
		"-U", "postgres")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "Peer authentication failed") {
		t.Errorf("%s got in as postgres: %v, %s", me.Username, err, out)
	}
}

// TestServersEnd: the parts end with the test that started them, and leave their folders to nobody.
func TestServersEnd(t *testing.T) {
	var pids []int
	var folder string
	t.Run("start", func(t *testing.T) {
		pg := testkit.Postgres(t, testkit.PostgresOptions{})
		pids = append(pids, pg.PID(), testkit.Redis(t).PID(), testkit.Iperf3(t).PID())
		folder = pg.SocketDir
	})
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("process %d still runs", pid)
		}
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("folder %s is still there: %v", folder, err)
	}
}

func TestRedis(t *testing.T) {
	r := testkit.Redis(t)
	port := strconv.Itoa(r.Port)
	testkit.Run(t, "redis-cli", "-p", port, "set", "door", "open")
	if got := testkit.Run(t, "redis-cli", "-p", port, "get", "door"); got != "open\n" {
		t.Errorf("get: %q", got)
	}
	if code := r.Stop(); code != 0 {
		t.Errorf("redis ended with %d", code)
	}
}

func TestIperf3(t *testing.T) {
	s := testkit.Iperf3(t)
	for range 2 {
		out := testkit.Run(t, "iperf3", "-c", "127.0.0.1", "-p", strconv.Itoa(s.Port), "-n", "1M")
		if !strings.Contains(out, "receiver") {
			t.Errorf("no result: %s", out)
		}
	}
}

// TestServerThatCannotStart: what it said is in the failure.
func TestServerThatCannotStart(t *testing.T) {
	got := ending(t, func(tb testing.TB) {
		testkit.Postgres(tb, testkit.PostgresOptions{Settings: map[string]string{"no_such_setting": "1"}})
	})
	if !strings.HasPrefix(got, "fatal: ") || !strings.Contains(got, "no_such_setting") {
		t.Errorf("ended with %q", got)
	}
}
