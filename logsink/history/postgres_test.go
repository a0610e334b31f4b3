package history_test

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// TestPostgres has one real server for all its parts, which have a schema each.
func TestPostgres(t *testing.T) {
	pg := testkit.Postgres(t, testkit.PostgresOptions{})
	for name, part := range map[string]func(*testing.T, *testkit.PostgresServer, string){
		"same_answers": pgSameAnswers, "idempotent": pgIdempotent, "resume": pgResume, "two_journals": pgTwoJournals,
		"old_records": pgOldRecords, "broken_connection": pgBrokenConnection, "another_version": pgAnotherVersion,
		"tables_at_once": pgTablesAtOnce, "not_utf8": pgNotUTF8, "user_without_rights": pgUser,
	} {
		t.Run(name, func(t *testing.T) {
			pg.SQL(t, "CREATE SCHEMA "+name)
			part(t, pg, schemaURL(pg, name))
		})
	}
}

// schemaURL is the server's URL with a schema for the tables.
func schemaURL(pg *testkit.PostgresServer, schema string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", "hunter2"), Host: "127.0.0.1:" + strconv.Itoa(pg.Port),
		Path: "postgres", RawQuery: url.Values{"sslmode": {"disable"}, "search_path": {schema}}.Encode(),
	}
	return u.String()
}

func toPostgres(url string) history.Config {
	return history.Config{
		Settings: history.Settings{Store: history.StorePostgres, URL: url},
		Host:     flow.Host{Name: "ada's laptop", ID: "0123456789abcdef0123456789abcdef"},
	}
}

func pgSameAnswers(t *testing.T, _ *testkit.PostgresServer, url string) {
	base := t.TempDir()
	check(t, 8, func(t *rapid.T) { sameAnswers(t, base, url) })
}

func pgIdempotent(t *testing.T, pg *testkit.PostgresServer, url string) {
	dir := t.TempDir()
	write(t, dir, someRecords(begun(), 3000)...)
	entries := read(t, dir)
	s := open(t, toPostgres(url))
	overlapping(t, s, entries)
	finds(t, s, entries)
	r, err := history.OpenPostgres(history.Settings{Store: history.StorePostgres, URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, r)
	sameEntries(t, "all", records(t, r, history.Filter{}), wanted(entries, history.Filter{}))
	f := history.Filter{Limit: 1234, Programs: []string{"psql", "node"}}
	sameEntries(t, "the newest", records(t, r, f), wanted(entries, f))
	// As people ask.
	psql := len(wanted(entries, history.Filter{Programs: []string{"psql"}, Users: []string{"ada"}, Zones: []string{"loopback"}}))
	if got := pg.SQL(t, `SELECT count(*), min(host_name), count(line::jsonb) FROM idempotent.lodoor_records
		WHERE 'psql' = ANY(programs) AND 'ada' = ANY(users) AND 'loopback' = ANY(zones)`); got != fmt.Sprintf("%d|ada's laptop|%[1]d", psql) {
		t.Errorf("%s by SQL, want %d", got, psql)
	}
}

func pgResume(t *testing.T, _ *testkit.PostgresServer, url string) {
	resumes(t, open(t, toPostgres(url)))
}

// pgTwoJournals has two machines write at once, on a first use of the database.
func pgTwoJournals(t *testing.T, pg *testkit.PostgresServer, url string) {
	var all sync.WaitGroup
	lists := make([][]journal.Entry, 2)
	for i := range lists {
		dir := t.TempDir()
		write(t, dir, someRecords(begun(), 4000)...)
		lists[i] = read(t, dir)
		s := open(t, toPostgres(url))
		all.Go(func() { overlapping(t, s, lists[i]) })
	}
	all.Wait()
	r := open(t, toPostgres(url))
	for _, entries := range lists {
		sameEntries(t, "one of two", of(entries[0].Identity.Journal, records(t, &r.Reader, history.Filter{})),
			wanted(entries, history.Filter{}))
	}
	want := strconv.Itoa(len(lists[0]) + len(lists[1]))
	if n := pg.SQL(t, "SELECT count(*) FROM two_journals.lodoor_records"); n != want {
		t.Errorf("%s records, want %s", n, want)
	}
}

func pgTablesAtOnce(t *testing.T, _ *testkit.PostgresServer, url string) {
	var all sync.WaitGroup
	for range 8 {
		s := open(t, toPostgres(url))
		all.Go(func() {
			if id, err := s.Resume(t.Context(), "none"); err != nil || id != (flow.Identity{}) {
				t.Errorf("%v, %v", id, err)
			}
		})
	}
	all.Wait()
}

func pgOldRecords(t *testing.T, pg *testkit.PostgresServer, url string) {
	c := toPostgres(url)
	c.Settings.MaxAge = time.Hour
	s := open(t, c)
	entries := make([]journal.Entry, 3000)
	for i := range entries {
		at := time.Now()
		if i < 1500 {
			at = at.Add(-2 * time.Hour)
		}
		entries[i] = journal.Entry{
			Identity: flow.Identity{Journal: "j", Epoch: "e", Seq: uint64(i + 1)}, Line: []byte("{}"), Record: flow.Record{Time: at},
		}
	}
	deliver(t, open(t, toPostgres(url)), entries)
	for range 2 { // each erases up to 1024
		deliver(t, s, entries[2999:])
	}
	if n := pg.SQL(t, "SELECT count(*) FROM old_records.lodoor_records"); n != "1500" {
		t.Errorf("%s records are left, want 1500", n)
	}
	if id, err := s.Resume(t.Context(), "j"); id.Seq != 3000 || err != nil {
		t.Errorf("it resumes at %v, %v", id, err)
	}
}

// pgBrokenConnection ends the connection between deliveries: the one after it fails, or the next works.
func pgBrokenConnection(t *testing.T, pg *testkit.PostgresServer, url string) {
	dir := t.TempDir()
	write(t, dir, someRecords(begun(), 100)...)
	entries := read(t, dir)
	s := open(t, toPostgres(url))
	deliver(t, s, entries[:50])
	pg.SQL(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lodoor' AND pid <> pg_backend_pid()")
	if n, err := s.Deliver(t.Context(), entries[50:]); err == nil || n != 0 {
		t.Errorf("%d were delivered over a connection that is gone: %v", n, err)
	}
	deliver(t, s, entries[50:])
	sameEntries(t, "all", records(t, &s.Reader, history.Filter{}), wanted(entries, history.Filter{}))
}

func pgAnotherVersion(t *testing.T, pg *testkit.PostgresServer, url string) {
	deliver(t, open(t, toPostgres(url)), []journal.Entry{{Line: []byte("{}")}})
	pg.SQL(t, "UPDATE another_version.lodoor_schema SET version = 7")
	_, err := open(t, toPostgres(url)).Resume(t.Context(), "j")
	if err == nil || !strings.Contains(err.Error(), "the tables have version 7: expected 1") {
		t.Error(err)
	}
}

// pgNotUTF8 delivers what somebody may have written into a segment: it must not hold up what comes behind it.
func pgNotUTF8(t *testing.T, _ *testkit.PostgresServer, url string) {
	s := open(t, toPostgres(url))
	deliver(t, s, []journal.Entry{
		{Identity: flow.Identity{Journal: "j\x00", Epoch: "e\xff", Seq: 1<<64 - 1}, Line: []byte("{\"seq\":1,\"event\":\"\xff\"}")},
		{Identity: flow.Identity{Journal: "j", Epoch: "e", Seq: 2}, Line: []byte("{}"), Record: flow.Record{
			Time: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), Service: "\x00\xff", Session: flow.SessionID{0xff, 0},
			Origin: &flow.Origin{Attribution: flow.AttributionUIDOnly, Program: "\x00\xff", User: "a\nb"},
		}},
		{Identity: flow.Identity{Journal: "j", Epoch: "e", Seq: 3}, Line: []byte("{}"), Record: flow.Record{Time: time.Time{}}},
	})
	if id, err := s.Resume(t.Context(), "j"); id.Seq != 3 || err != nil {
		t.Errorf("it resumes at %v, %v", id, err)
	}
}

// pgUser is somebody for whom the tables were made, and who may make none.
func pgUser(t *testing.T, pg *testkit.PostgresServer, url string) {
	pg.SQL(t, "CREATE USER writer; GRANT USAGE ON SCHEMA user_without_rights TO writer")
	url = strings.Replace(url, "postgres:hunter2@", "writer:hunter2@", 1)
	s := open(t, toPostgres(url))
	_, err := s.Resume(t.Context(), "j")
	if err == nil || !strings.Contains(err.Error(), "make the tables lodoor_records, lodoor_journals and lodoor_schema") ||
		strings.Contains(err.Error(), "hunter2") {
		t.Errorf("who may make no tables is told %v", err)
	}
	deliver(t, open(t, toPostgres(schemaURL(pg, "user_without_rights"))), []journal.Entry{{Line: []byte("{}")}})
	pg.SQL(t, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA user_without_rights TO writer")
	deliver(t, s, []journal.Entry{{Identity: flow.Identity{Journal: "j", Epoch: "e", Seq: 2}, Line: []byte("{}")}})
}

// TestPostgresDown is of a database that is stopped, starts, and has other passwords.
func TestPostgresDown(t *testing.T) {
	pg := testkit.Postgres(t, testkit.PostgresOptions{HBA: []string{"local all all trust", "host all all all scram-sha-256"}})
	s := open(t, toPostgres(schemaURL(pg, "public")))
	_, err := s.Resume(t.Context(), "j")
	if err == nil || !strings.Contains(err.Error(), "password") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a wrong password is told as %v", err)
	}
	pg.SQL(t, "ALTER USER postgres PASSWORD 'hunter2'")
	deliver(t, s, []journal.Entry{{Identity: flow.Identity{Journal: "j", Epoch: "e", Seq: 1}, Line: []byte("{}")}})
	pg.Signal(syscall.SIGQUIT)
	pg.Wait(20 * time.Second)
	for range 2 {
		_, err := s.Deliver(t.Context(), []journal.Entry{{Line: []byte("{}")}})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("a database that is down is told as %v", err)
		}
	}
}
