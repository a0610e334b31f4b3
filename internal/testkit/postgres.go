package testkit

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// PostgresOptions are what a test wants of its database. The zero value trusts everybody and logs every connection.
type PostgresOptions struct {
	// HBA are the lines of pg_hba.conf, such as "local all all peer"; empty is trust for local and for host.
	HBA []string
	// Settings are further settings of postgresql.conf; they win over the kit's own.
	Settings map[string]string
}

// PostgresServer is a running PostgreSQL with the superuser and the database postgres.
type PostgresServer struct {
	*Child
	// Port is on 127.0.0.1, and part of the Unix socket's name.
	Port int
	// SocketDir is the folder of the Unix socket, open to every user.
	SocketDir string

	id   identity
	args []string // of the program
}

// Postgres makes a cluster in a folder of its own and starts it, as user postgres when the test runs as root, since
// PostgreSQL refuses to. It ends with the test.
func Postgres(t testing.TB, o PostgresOptions) *PostgresServer {
	t.Helper()
	Need(t, "initdb", "postgres", "psql")
	id := lookUp(t, "postgres")
	dir := tempDir(t, id)
	data := filepath.Join(dir, "data")
	output(t, id.command(t, dir, "initdb", "--pgdata", data, "--username=postgres", "--auth=trust", "--no-sync",
		"--encoding=UTF8", "--locale=C"))
	if len(o.HBA) > 0 {
		hba := strings.Join(o.HBA, "\n") + "\n"
		if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(hba), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Other users' clients must reach the socket.
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	c, port := serve(t, postgresReady, func(port int) *exec.Cmd {
		return id.command(t, dir, "postgres", postgresArgs(data, dir, port, o.Settings)...)
	})
	p := &PostgresServer{
		Child: c, Port: port, SocketDir: dir, id: id, args: postgresArgs(data, dir, port, o.Settings),
	}
	t.Cleanup(p.shutDown)
	return p
}

const postgresReady = "database system is ready to accept connections"

// shutDown is an immediate shutdown: unlike a kill it gives its shared memory back.
func (p *PostgresServer) shutDown() {
	if !p.Exited() {
		p.Signal(syscall.SIGQUIT)
		poll(p.Exited, stopWithin)
	}
}

// Restart starts the server again, at the same port, with what it had. It ends a server that still runs. It is for the
// goroutine that made the server.
func (p *PostgresServer) Restart(t testing.TB) {
	t.Helper()
	p.shutDown()
	p.Child = Start(t, p.id.command(t, p.SocketDir, "postgres", p.args...))
	t.Cleanup(p.shutDown)
	ready := func() bool { return strings.Contains(p.Log(), postgresReady) }
	Wait(t, "PostgreSQL to start again", func() bool { return ready() || p.Exited() }, readyWithin)
	if p.Exited() {
		t.Fatalf("PostgreSQL ended at once:\n%s", p.Log())
	}
}

func postgresArgs(data, socketDir string, port int, more map[string]string) []string {
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(port),
		"unix_socket_directories": socketDir,
		"fsync":                   "off",
		"shared_buffers":          "32MB",
		"log_connections":         "on",
		"log_disconnections":      "on",
		"log_line_prefix":         "%m [%p] %q%u@%d ",
	}
	maps.Copy(settings, more)
	args := []string{"-D", data}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

// command is a program run as id in dir: the test's own folder may be closed to it.
func (id identity) command(t testing.TB, dir, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(Program(t, name), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC", "HOME="+dir)
	return id.runs(cmd)
}

// SocketPath is the Unix socket's path.
func (p *PostgresServer) SocketPath() string {
	return filepath.Join(p.SocketDir, ".s.PGSQL."+strconv.Itoa(p.Port))
}

// Log is what the server has logged so far, every connection and its end among it.
func (p *PostgresServer) Log() string { return p.Stderr() }

// SQL runs statements as the superuser, through the Unix socket, and returns the rows: one a line, columns parted by |.
func (p *PostgresServer) SQL(t testing.TB, statements string) string {
	t.Helper()
	out := output(t, p.id.command(t, p.SocketDir, "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
		"--set=ON_ERROR_STOP=1", "--host", p.SocketDir, "--port", strconv.Itoa(p.Port), "--username=postgres",
		"--dbname=postgres", "--command", statements))
	return strings.TrimSuffix(out, "\n")
}
