package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // the driver

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
)

// TestFleetPostgres has two doors with one history in a PostgreSQL that is stopped and started again. In the end its
// table has every record of both journals exactly once.
func TestFleetPostgres(t *testing.T) {
	pg := testkit.Postgres(t, testkit.PostgresOptions{})
	url := fmt.Sprintf("LODOOR_HISTORY_URL=postgres://postgres:hunter2@127.0.0.1:%d/postgres?sslmode=disable", pg.Port)
	doors := make([]*fleetDoor, 2)
	for i := range doors {
		doors[i] = openFleetDoor(t, "", "history: {store: postgres}", url)
	}
	each := func(f func(d *fleetDoor)) {
		for _, d := range doors {
			f(d)
		}
	}
	each(func(d *fleetDoor) { d.visit(soak(50, 2000)) })
	each(func(d *fleetDoor) { d.delivers("history") })
	pg.Signal(syscall.SIGINT) // a fast shutdown: it waits for nobody
	pg.Wait(fleetWait)
	each(func(d *fleetDoor) { d.visit(soak(50, 2000)) })
	each(func(d *fleetDoor) { d.lags("history", 0) })
	pg.Restart(t)
	each(func(d *fleetDoor) { d.catchesUp("history") })
	each(func(d *fleetDoor) { d.visit(10) })
	total := 0
	for _, d := range doors {
		want := d.end()
		total += len(want)
		lines := pg.SQL(t, fmt.Sprintf("SELECT line FROM lodoor_records WHERE journal = '%s' ORDER BY seq",
			want[0].Identity.Journal))
		sameAsJournal(t, "the table", strings.Split(lines, "\n"), want)
		if strings.Contains(d.Stderr(), "hunter2") {
			t.Errorf("the URL's password is told: %s", d.Stderr())
		}
	}
	if got := pg.SQL(t, "SELECT count(*), count(DISTINCT (journal, epoch, seq)), count(DISTINCT journal) FROM lodoor_records"); got !=
		fmt.Sprintf("%d|%[1]d|%d", total, len(doors)) {
		t.Errorf("the table has %s records, identities and journals, the journals have %d records", got, total)
	}
}

// TestHistoryInTrouble is of histories that cannot be used: the door works, says it once, and 'lodoor logs' answers.
func TestHistoryInTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(t *testing.T, dir string) (mend func()) // before the door starts
		says string
	}{
		"of another program": {anothersDatabase, "history.db cannot be used and is now history.db.broken-1"},
		"a directory":        {directoryForHistory, "history.db is not a file"},
		"locked":             {lockedHistory, "another process writes it"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "journal")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			mend := c.harm(t, dir)
			historyTrouble(t, openFleetDoorIn(t, dir, "", ""), c.says, mend)
		})
	}
}

// historyTrouble has clients come while the history is in trouble, and after it is not any more.
func historyTrouble(t *testing.T, d *fleetDoor, says string, mend func()) {
	t.Helper()
	told := func() []string { return lines(d.Stderr(), says) }
	testkit.Wait(t, "lodoor to tell", func() bool { return len(told()) > 0 }, fleetWait)
	d.visit(20)
	if mend != nil {
		d.lags("history", 0)
	}
	stdout, stderr, code := d.Run("logs", "--json", "--event", "session.open", "--dir", d.dir)
	if n := strings.Count(stdout, "\n"); code != exitOK || n != 20 {
		t.Errorf("logs ended with %d and shows %d sessions: %s", code, n, stderr)
	}
	if mend != nil {
		mend()
	}
	d.catchesUp("history")
	if got := told(); len(got) != 1 {
		t.Errorf("it was told %d times: %q", len(got), got)
	}
	want := d.end()
	sameAsJournal(t, "the history", linesOfHistory(t, d.dir), want)
}

func linesOfHistory(t *testing.T, dir string) []string {
	t.Helper()
	r, err := history.OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }() // only read
	bySeq := map[uint64]journal.Entry{}
	for e, err := range r.Records(t.Context(), history.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := bySeq[e.Identity.Seq]; twice {
			t.Errorf("record %d is there twice", e.Identity.Seq)
		}
		bySeq[e.Identity.Seq] = e
	}
	list := make([]string, 0, len(bySeq))
	for seq := uint64(1); seq <= uint64(len(bySeq)); seq++ {
		list = append(list, string(bySeq[seq].Line))
	}
	return list
}

func anothersDatabase(t *testing.T, dir string) func() {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE urls (url text); PRAGMA application_id = 7"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return nil
}

func directoryForHistory(t *testing.T, dir string) func() {
	t.Helper()
	path := filepath.Join(dir, "history.db")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// lockedHistory takes the lock that 'lodoor history rebuild' takes.
func lockedHistory(t *testing.T, dir string) func() {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "history.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return func() { _ = f.Close() } // it has no content
}
