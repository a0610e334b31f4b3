package replay

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

// stage is a PostgreSQL server, and a door that records what goes to it.
type stage struct {
	t    *testing.T
	pg   *testkit.PostgresServer
	door *testkit.Door
	dir  string
}

func newStage(t *testing.T, settings map[string]string) *stage {
	t.Helper()
	s := &stage{t: t, pg: testkit.Postgres(t, testkit.PostgresOptions{Settings: settings})}
	s.record()
	return s
}

// record opens a door with a recording of its own.
func (s *stage) record() {
	s.t.Helper()
	s.dir = filepath.Join(s.t.TempDir(), "recordings")
	s.door = testkit.Lodoor(s.t, "--record", s.dir, "--name", "db", "--listen", "127.0.0.1:"+strconv.Itoa(testkit.FreePort(s.t)), "--backend", "127.0.0.1:"+strconv.Itoa(s.pg.Port))
}

// port is the door's.
func (s *stage) port() string {
	s.t.Helper()
	_, port, ok := strings.Cut(strings.TrimSpace(s.door.PortFile()), "127.0.0.1:")
	if !ok {
		s.t.Fatalf("the door's fronts are %q", s.door.PortFile())
	}
	port, _, _ = strings.Cut(port, "\n")
	return port
}

// through runs a client of PostgreSQL through the door.
func (s *stage) through(database, program string, args ...string) string {
	s.t.Helper()
	cmd := exec.Command(testkit.Program(s.t, program), args...)
	cmd.Env = append(os.Environ(), "PGHOST=127.0.0.1", "PGPORT="+s.port(), "PGUSER=postgres", "PGDATABASE="+database,
		"PGSSLMODE=disable", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Logf("%s %v: %v", program, args, err)
	}
	return string(out)
}

// recorded ends the door and returns its recording.
func (s *stage) recorded() string {
	s.t.Helper()
	s.door.Stop()
	files, err := filepath.Glob(filepath.Join(s.dir, "*.pcapng*"))
	if err != nil || len(files) != 1 {
		s.t.Fatalf("recordings %v, %v", files, err)
	}
	return files[0]
}

// replay plays a recording against a database.
func (s *stage) replay(file, database string, change func(*Config, *PostgresConfig)) *Report {
	s.t.Helper()
	r, _, err := Open(file, recording.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	to := PostgresConfig{To: flow.Endpoint{Host: "127.0.0.1", Port: uint16(s.pg.Port)}, Database: database}
	c := Config{Recording: r}
	if change != nil {
		change(&c, &to)
	}
	if c.Protocol, err = NewPostgres(to); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	report, err := New(c).Run(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	return report
}

func (s *stage) copyOf(template, name string) {
	s.t.Helper()
	s.pg.SQL(s.t, "CREATE DATABASE "+name+" TEMPLATE "+template)
}

// same fails unless everything was played and nothing differs.
func (s *stage) same(r *Report, sessions int) {
	s.t.Helper()
	if !r.Good() || r.Sessions != uint64(sessions) {
		s.t.Errorf("%d sessions, want %d: %s", r.Sessions, sessions, asJSON(s.t, r))
	}
}

func asJSON(t *testing.T, r *Report) string {
	t.Helper()
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sql runs statements at the server itself.
func (s *stage) sql(database, statements string) string {
	s.t.Helper()
	return testkit.Run(s.t, "psql", "-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-p", strconv.Itoa(s.pg.Port), "-U", "postgres",
		"-d", database, "-v", "ON_ERROR_STOP=1", "-c", statements)
}
