package alert_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestNewPrograms(t *testing.T) {
	t.Setenv("TMPDIR", "/scratch")
	inBubble(t, alert.Config{}, func(b *bell) {
		psql := opened("pg", "psql", "/usr/bin/psql")
		want(t, b.give(psql, opened("pg", "x", "/tmp/x"))) // nothing was ever learned
		if err := b.a.Learn(time.Minute); err != nil {
			t.Fatal(err)
		}
		want(t, b.give(psql, opened("pg", "main", "/tmp/go-build1/b001/exe/main")))
		if until := b.a.Learning(); until.Sub(b.now) != time.Minute {
			t.Errorf("learning until %v", until)
		}
		want(t, b.pass(time.Minute))
		want(t, b.give(psql))
		found := opened("pg", "node", "/usr/bin/node")
		found.Event = flow.EventSessionOrigin
		want(t, b.give(found), "pg: a new program: node (pid 7), /usr/bin/node")
		if a := b.last(); a.Condition != "new_program" || a.Program != "node" || a.Severity != flow.SeverityInfo {
			t.Errorf("alert %+v", a)
		}
		want(t, b.give(found))
		want(t, b.pass(10*time.Minute))
		want(t, b.give(found))
		want(t, b.give(opened("pg", "psql", "/home/eve/psql")), "pg: a new program: psql (pid 7), /home/eve/psql")
		want(t, b.give(opened("redis", "psql", "/usr/bin/psql")), "redis: a new program: psql (pid 7), /usr/bin/psql")
		refusedOne := refused("pg", flow.ZoneLoopback, flow.CauseDraining, addr(1))
		refusedOne.Origin = opened("", "nmap", "/usr/bin/nmap").Origin
		want(t, b.give(refusedOne))
	})
}

// What runs from where anybody may write, or is built anew each time, is never learned: it may be another next time.
func TestProgramsInTemporaryPlacesAreAlwaysNew(t *testing.T) {
	t.Setenv("TMPDIR", "/scratch")
	inBubble(t, alert.Config{}, func(b *bell) {
		const folder = "; its file is in a temporary folder"
		places := map[string]string{
			"/tmp/x": folder, "/var/tmp/x": folder, "/dev/shm/a/x": folder, "/scratch/x": folder,
			"/home/a/.cache/go-build/ab/x":                          "; its file was built to be run once",
			"/home/a/cache/ab/" + strings.Repeat("ab", 32) + "-d/x": "; its file was built to be run once",
		}
		gone := opened("pg", "x", "/usr/bin/x")
		gone.Origin.Process.Executable.Deleted = true
		if err := b.a.Learn(time.Second); err != nil {
			t.Fatal(err)
		}
		for path := range places {
			want(t, b.give(opened("pg", "x", path), gone))
		}
		b.pass(time.Second)
		for path, why := range places {
			for range 2 {
				want(t, b.give(opened("pg", "x", path)), "pg: a new program: x (pid 7), "+path+why)
				if a := b.last(); a.Severity != flow.SeverityWarning || a.Repeat {
					t.Errorf("alert %+v", a)
				}
				b.pass(6 * time.Minute)
			}
		}
		want(t, b.give(gone), "pg: a new program: x (pid 7), /usr/bin/x; its file was removed or replaced")
		want(t, b.give(opened("pg", "y", "/tmpx/y")), "pg: a new program: y (pid 7), /tmpx/y")
		want(t, b.give(opened("pg", "z", "/opt/go-builder/z")), "pg: a new program: z (pid 7), /opt/go-builder/z")
		if n := len(b.a.Programs()); n != 2 {
			t.Errorf("%d programs are known: %+v", n, b.a.Programs())
		}
	})
}

func TestProgramsAreKept(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, alert.Config{Dir: dir}, func(b *bell) {
		if err := b.a.Learn(time.Hour); err != nil {
			t.Fatal(err)
		}
		b.give(opened("pg", "psql", "/usr/bin/psql"), opened("web", "curl", "/usr/bin/curl"))
		b.pass(time.Hour)
		b.give(opened("pg", "node", "/usr/bin/node"))
		b.batch(flow.Batch{Last: true})
		b.begin(alert.Config{Dir: dir})
		b.new()
		want(t, b.give(opened("pg", "psql", "/usr/bin/psql"), opened("pg", "node", "/usr/bin/node")))
		want(t, b.give(opened("pg", "perl", "/usr/bin/perl")), "pg: a new program: perl (pid 7), /usr/bin/perl")
		got := ""
		for _, k := range b.a.Programs() {
			got += fmt.Sprintln(k.Service, k.Program, k.Executable, k.Learned)
		}
		if got != "pg node /usr/bin/node false\npg perl /usr/bin/perl false\npg psql /usr/bin/psql true\nweb curl /usr/bin/curl true\n" {
			t.Errorf("known are\n%s", got)
		}
		if n, err := b.a.Forget("pg", ""); n != 3 || err != nil {
			t.Errorf("forgot %d: %v", n, err)
		}
		want(t, b.pass(10*time.Minute))
		want(t, b.give(opened("pg", "psql", "/usr/bin/psql")), "pg: a new program: psql (pid 7), /usr/bin/psql")
	})
}

func TestLearnedProgramsAreBounded(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, alert.Config{Dir: dir}, func(b *bell) {
		if err := b.a.Learn(time.Minute); err != nil {
			t.Fatal(err)
		}
		for i := range 10_100 {
			b.give(opened("pg", "p", fmt.Sprintf("/usr/bin/p%05d", i)))
		}
		b.pass(time.Minute)
		if n := len(b.a.Programs()); n != 10_000 {
			t.Errorf("%d programs are known", n)
		}
		want(t, b.give(opened("pg", "p", "/usr/bin/p09999")))
		want(t, b.give(opened("pg", "p", "/usr/bin/p10050")), "pg: a new program: p (pid 7), /usr/bin/p10050")
		b.batch(flow.Batch{Last: true})
		b.begin(alert.Config{Dir: dir})
		if n := len(b.a.Programs()); n != 10_000 {
			t.Errorf("%d programs are known after a restart; warned of %q", n, b.warned)
		}
	})
}

// Whoever runs programs from very long paths does not have what was learned thrown away as too large.
func TestLongNamesDoNotBreakWhatWasLearned(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, alert.Config{Dir: dir}, func(b *bell) {
		if err := b.a.Learn(time.Minute); err != nil {
			t.Fatal(err)
		}
		b.give(opened("pg", "psql", "/usr/bin/psql"))
		b.pass(2 * time.Minute)
		long := "/usr/" + strings.Repeat("<", 4000) // six bytes each in JSON
		for i := range 3_000 {
			b.give(opened("pg", "p", fmt.Sprint(long, i)))
		}
		b.batch(flow.Batch{Last: true})
		b.begin(alert.Config{Dir: dir})
		if n := len(b.a.Programs()); n != 1 || len(b.warned) != 0 {
			t.Errorf("%d programs are known after a restart; warned of %.300q", n, b.warned)
		}
	})
}

func TestLearnAndForgetSayWhatIsWrong(t *testing.T) {
	b := newBell(t)
	for _, d := range []time.Duration{0, -time.Second, 400 * 24 * time.Hour} {
		if err := b.a.Learn(d); err == nil || !b.a.Learning().IsZero() {
			t.Errorf("learns for %v: %v", d, err)
		}
	}
	if _, err := b.a.Forget("", "psql"); err == nil {
		t.Error("forgets programs of no service")
	}
	b.begin(alert.Config{Dir: filepath.Join(t.TempDir(), "missing")})
	if err := b.a.Learn(time.Hour); err == nil || b.a.Learning().IsZero() {
		t.Errorf("what cannot be kept still holds for this run, and is told: %v", err)
	}
}
