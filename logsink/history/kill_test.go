//go:build unix

package history_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
)

// feed delivers the journal of a directory again and again, from where the store is, in batches of different lengths,
// until it is killed.
func feed(dir string) error {
	var entries []journal.Entry
	for e, err := range journal.Read(dir, journal.From{}) {
		if err != nil {
			return err
		}
		e.Line = slices.Clone(e.Line)
		entries = append(entries, e)
	}
	ctx := context.Background()
	s, err := history.Open(ctx, history.Config{Dir: dir})
	if err != nil {
		return err
	}
	at, err := s.Resume(ctx, entries[0].Identity.Journal)
	if err != nil {
		return err
	}
	for n := 1; ; n = n%100 + 1 {
		begin := 0
		if at.Seq > 0 {
			begin = int(at.Seq - entries[0].Identity.Seq + 1)
		}
		if begin == len(entries) {
			fmt.Fprintln(os.Stdout, "all")
			<-make(chan struct{})
		}
		batch := entries[begin:min(begin+n, len(entries))]
		if _, err := s.Deliver(ctx, batch); err != nil {
			return err
		}
		at = batch[len(batch)-1].Identity
		fmt.Fprintln(os.Stdout, at.Seq)
	}
}

// TestKill kills who writes at any time: the position and the rows agree, what was reported is there, and in the end
// every record is there once.
func TestKill(t *testing.T) {
	rounds := 6
	if os.Getenv("LODOOR_SOAK") == "1" {
		rounds = 200
	}
	dir := t.TempDir()
	write(t, dir, someRecords(begun(), 6000)...)
	entries := read(t, dir)
	for round := range rounds {
		c := startFeed(t, dir)
		told := func() bool { return strings.Count(c.Stdout(), "\n") > round%4 || c.Exited() }
		testkit.Wait(t, "deliveries", told, time.Minute)
		c.Kill()
		agrees(t, dir, entries)
	}
	c := startFeed(t, dir)
	testkit.Wait(t, "all", func() bool { return strings.HasSuffix(c.Stdout(), "all\n") }, time.Minute)
	c.Kill()
	if n := agrees(t, dir, entries); n != len(entries) {
		t.Errorf("%d of %d records", n, len(entries))
	}
	if aside, _ := filepath.Glob(filepath.Join(dir, "*broken*")); len(aside) > 0 {
		t.Errorf("%v were set aside", aside)
	}
}

func startFeed(t *testing.T, dir string) *testkit.Child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), feedDir+"="+dir)
	return testkit.Start(t, cmd)
}

// agrees checks that the store has the journal's first records, and that its position is the last of them.
func agrees(t *testing.T, dir string, entries []journal.Entry) int {
	t.Helper()
	r, err := history.OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, r)
	got := records(t, r, history.Filter{})
	at, err := r.Position(t.Context(), entries[0].Identity.Journal)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b journal.Entry) int { return int(a.Identity.Seq) - int(b.Identity.Seq) })
	sameEntries(t, "after a kill", got, entries[:len(got)])
	if len(got) > 0 && at != last(got) || len(got) == 0 && at.Seq != 0 {
		t.Fatalf("the position is %v after %d records", at, len(got))
	}
	return len(got)
}
