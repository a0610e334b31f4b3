package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// MariaDBOptions are what a test wants of its database. The zero value has no TLS and the server's own settings.
type MariaDBOptions struct {
	// TLS lets clients encrypt, with a certificate that the test makes. It needs openssl.
	TLS bool
	// Settings are further options of mariadbd, each without its dashes: "sql-mode=NO_BACKSLASH_ESCAPES".
	Settings []string
}

// MariaDBServer is a running MariaDB with a database test. Its user root has no password and comes in through the Unix
// socket and from 127.0.0.1.
type MariaDBServer struct {
	*Child
	// Port is on 127.0.0.1.
	Port int
	// SocketPath is the Unix socket's, open to every user.
	SocketPath string

	dir string
	id  identity
}

const mariadbReady = "ready for connections"

// MariaDB makes a data directory in a folder of its own and starts the server, as user mysql when the test runs as root,
// since MariaDB refuses to. It logs every statement. It ends with the test.
func MariaDB(t testing.TB, o MariaDBOptions) *MariaDBServer {
	t.Helper()
	Need(t, "mariadb-install-db", "mariadbd", "mariadb")
	id := lookUp(t, "mysql")
	dir := tempDir(t, id)
	output(t, id.command(t, dir, "mariadb-install-db", "--no-defaults", "--datadir="+filepath.Join(dir, "data"),
		"--auth-root-authentication-method=normal", "--skip-name-resolve", "--skip-test-db"))
	if o.TLS {
		mariadbCertificate(t, id, dir)
	}
	if err := os.Chmod(dir, 0o711); err != nil { // other users' clients must reach the socket
		t.Fatal(err)
	}
	m := &MariaDBServer{dir: dir, id: id, SocketPath: filepath.Join(dir, "socket")}
	m.Child, m.Port = serve(t, mariadbReady, func(port int) *exec.Cmd {
		return id.command(t, dir, "mariadbd", mariadbArgs(dir, port, o)...)
	})
	m.SQL(t, "CREATE DATABASE test")
	return m
}

func mariadbArgs(dir string, port int, o MariaDBOptions) []string {
	args := []string{
		"--no-defaults", "--datadir=" + filepath.Join(dir, "data"), "--bind-address=127.0.0.1",
		"--port=" + strconv.Itoa(port), "--socket=" + filepath.Join(dir, "socket"), "--skip-name-resolve",
		"--general-log", "--general-log-file=" + filepath.Join(dir, "general.log"), "--log-output=FILE",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M",
		"--plugin-load-add=auth_ed25519", "--local-infile=ON", "--default-time-zone=+00:00",
	}
	if o.TLS {
		args = append(args, "--ssl-cert="+filepath.Join(dir, "cert.pem"), "--ssl-key="+filepath.Join(dir, "key.pem"))
	}
	for _, s := range o.Settings {
		args = append(args, "--"+s)
	}
	return args
}

// mariadbCertificate makes what the server shows its clients.
func mariadbCertificate(t testing.TB, id identity, dir string) {
	t.Helper()
	output(t, id.command(t, dir, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
		"/CN=localhost", "-keyout", filepath.Join(dir, "key.pem"), "-out", filepath.Join(dir, "cert.pem")))
}

// SQL runs statements as root, through the Unix socket, and returns the rows: one a line, columns parted by tabs. Its
// sessions are in the log like any other's.
func (m *MariaDBServer) SQL(t testing.TB, statements string) string {
	t.Helper()
	out := output(t, m.id.command(t, m.dir, "mariadb", "--no-defaults", "--batch", "--skip-column-names", "--user=root",
		"--socket="+m.SocketPath, "--execute", statements))
	return strings.TrimSuffix(out, "\n")
}

// GeneralLog is what the server has logged so far: a time, a connection's number, a command and its argument, parted by
// tabs (MariaDB documentation, General Query Log). The server writes a line before it does what it says.
func (m *MariaDBServer) GeneralLog(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(m.dir, "general.log"))
	if err != nil {
		t.Fatal(fmt.Errorf("read the general log: %w", err))
	}
	return string(b)
}
