package replay

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lodoor/lodoor/internal/testkit"
)

const schema = `CREATE TABLE t (id int PRIMARY KEY, v text, made timestamptz DEFAULT clock_timestamp());
INSERT INTO t SELECT n, 'row ' || n FROM generate_series(1, 100) n; CREATE ROLE somebody`

// connect opens a session through the door.
func (s *stage) connect(database string) *pgx.Conn {
	s.t.Helper()
	c, err := pgx.Connect(s.t.Context(), "host=127.0.0.1 port="+s.port()+" user=postgres sslmode=disable dbname="+database)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *stage) exec(c *pgx.Conn, statement string, args ...any) {
	s.t.Helper()
	if _, err := c.Exec(s.t.Context(), statement, args...); err != nil {
		s.t.Fatal(err)
	}
}

// TestTalk records what sessions may say, errors, copies, locks and pipelines among it, and plays it: nothing differs but what
// rules name. Then it plays it on other data, and each of these differs.
func TestTalk(t *testing.T) {
	s := newStage(t, nil)
	s.pg.SQL(t, "CREATE DATABASE base")
	s.sql("base", schema)
	for _, name := range []string{"first", "second", "third"} {
		s.copyOf("base", name)
	}
	data := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(data, []byte(strings.Repeat("0\ta row that is copied\n", 20_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.through("first", "psql", "-X", "-v", "ON_ERROR_STOP=0",
		"-c", "SELECT * FROM nothing", "-c", "INSERT INTO t VALUES (1)", "-c", "SELECT now(), random(), pg_backend_pid()",
		"-c", "CREATE TABLE c (id int, v text)", "-c", `\copy c from `+data, "-c", `\copy c to `+data+".out", "-c", "COPY t (id) FROM stdin",
		"-c", "SELECT id, v FROM t WHERE id < 4; SELECT 'two'; BEGIN; COMMIT", "-c", "", "-c", `\d t`,
		"-c", "ALTER ROLE somebody PASSWORD 'tellnobody'", "-c", "INSERT INTO t VALUES (1000, 'new') RETURNING *", "-c", "SELECT made FROM t WHERE id = 1000")
	s.locks("first")
	s.pipeline("first")
	file := s.recorded()

	r := s.replay(file, "second", nil)
	s.same(r, 4)
	if len(r.Omitted) != 1 || !strings.HasPrefix(r.Omitted[0].Operation, "ALTER ROLE") || r.OutOfOrder != 0 {
		t.Errorf("omitted: %s", asJSON(t, r))
	}
	for _, rule := range []string{ruleTime, ruleClock, ruleOID} {
		if rule != ruleOID && r.Ignored[rule] == 0 {
			t.Errorf("rule %s was not used: %v", rule, r.Ignored)
		}
	}
	if got := s.sql("second", "SELECT rolpassword IS NULL FROM pg_authid WHERE rolname = 'somebody'"); strings.TrimSpace(got) != "f" {
		t.Errorf("the role's password is gone: %q", got) // that of the recording's own run
	}
	t.Logf("%d questions in %v, recorded in %v, %v ignored", r.Questions, r.Took, r.Recorded, r.Ignored)

	s.sql("third", "UPDATE t SET v = 'other' WHERE id = 2; DELETE FROM t WHERE id = 1; ALTER TABLE t ADD COLUMN more int")
	r = s.replay(file, "third", nil)
	said := asJSON(t, r)
	for _, want := range []string{
		"row 2", `"2 | other"`, "duplicate key value", "INSERT 0 1", // the error that no longer comes
		"the columns", "more (type 23)",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in %s", want, said)
		}
	}
}

// locks has one session wait for another's lock, and the waiting one read what the other wrote.
func (s *stage) locks(database string) {
	s.t.Helper()
	a, b := s.connect(database), s.connect(database)
	s.exec(a, "BEGIN")
	s.exec(a, "UPDATE t SET v = 'of a' WHERE id = 50")
	came := make(chan error, 1)
	go func() {
		var v string
		err := b.QueryRow(context.Background(), "UPDATE t SET v = v || ', then b' WHERE id = 50 RETURNING v").Scan(&v)
		came <- err
	}()
	testkit.Wait(s.t, "the second session to wait for the first", func() bool {
		return strings.TrimSpace(s.pg.SQL(s.t, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")) == "1"
	}, 10*time.Second)
	s.exec(a, "COMMIT")
	if err := <-came; err != nil {
		s.t.Error(err)
	}
	_ = a.Close(s.t.Context())
	_ = b.Close(s.t.Context())
}

// pipeline asks much before anything is answered, one question of it in vain.
func (s *stage) pipeline(database string) {
	s.t.Helper()
	c := s.connect(database)
	batch := &pgx.Batch{}
	for n := range 300 {
		batch.Queue("SELECT id, v, $1::int8 FROM t WHERE id = $2", n, n%100+1)
	}
	if err := c.SendBatch(s.t.Context(), batch).Close(); err != nil {
		s.t.Error(err)
	}
	p := c.PgConn().StartPipeline(s.t.Context())
	for _, statement := range []string{"SELECT 1", "SELECT 1/0", "SELECT 2"} {
		p.SendQueryParams(statement, nil, nil, nil, nil)
	}
	if err := p.Sync(); err != nil {
		s.t.Error(err)
	}
	p.SendQueryParams("SELECT 3", nil, nil, nil, nil)
	_ = p.Sync()
	for range 8 {
		if results, err := p.GetResults(); err == nil && results != nil {
			if reader, ok := results.(*pgconn.ResultReader); ok {
				_ = reader.Read()
			}
		}
	}
	_ = p.Close()
	_ = c.Close(s.t.Context())
}

// TestNotPlayed lists what cannot be played, and why.
func TestNotPlayed(t *testing.T) {
	s := newStage(t, nil)
	c := s.connect("postgres")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, _ = c.Exec(ctx, "SELECT pg_sleep(5)") // pgx cancels it when the time is up; nobody does when it is played
	_ = c.Close(t.Context())
	s.through("missing", "psql", "-X", "-c", "SELECT 1")
	for _, first := range []string{"", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"} {
		conn, err := net.Dial("tcp", "127.0.0.1:"+s.port())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte(first))
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = conn.Read(make([]byte, 100))
		_ = conn.Close()
	}
	r := s.replay(s.recorded(), "", nil)
	said := asJSON(t, r)
	for _, want := range []string{"request to cancel", `database \"missing\" does not exist`, "it is encrypted", "the client said nothing"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in %s", want, said)
		}
	}
	if r.Good() || r.NotPlayed != 1 || r.LeftOut < 3 {
		t.Errorf("%s", said)
	}
}
