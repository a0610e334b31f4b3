package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// TestLogsFromStore asks the same of a history that has most of a journal, and of the journal's segments.
func TestLogsFromStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "j")
	begin := time.Date(2100, 3, 4, 15, 4, 0, 0, time.UTC)
	if err := writeJournal(dir, manySessions(begin, 200)...); err != nil {
		t.Fatal(err)
	}
	fill(t, dir, 450) // of about 800; what comes then is in the segments only
	for _, flags := range []string{
		"", "--limit 7", "--limit 500", "--program psql", "--program node --user 1001", "--zone lan", "--verdict deny",
		"--verdict allow --limit 3", "--event session.close", "--event session.close --limit 150", "--service s1 --service s3",
		"--since 2100-03-04T15:04:20Z", "--until 2100-03-04T15:04:31Z",
		"--since 2100-03-04T15:04:20Z --until 2100-03-04T15:05:00Z --service s2", "--grep port.:[0-9]*7", "--service nobody",
		"--session " + sessionName(3), "--session " + sessionName(199), "--event journal.heartbeat",
	} {
		compareSources(t, dir, "--json "+flags)
	}
	for _, flags := range []string{"", "--limit 500", "--csv --limit 7", "--stats", "--stats --program psql"} {
		compareSources(t, dir, flags)
	}
}

func compareSources(t *testing.T, dir, flags string) {
	t.Helper()
	args := append([]string{"logs", "--dir", dir}, strings.Fields(flags)...)
	sameLines(t, flags, logsOf(t, append(args, "--from", "segments")), logsOf(t, append(args, "--from", "store")))
}

// TestStoreOfAnotherJournal is left alone: what it has is not what happened here.
func TestStoreOfAnotherJournal(t *testing.T) {
	base := t.TempDir()
	one, two := filepath.Join(base, "one"), filepath.Join(base, "two")
	begin := time.Date(2100, 3, 4, 15, 4, 0, 0, time.UTC)
	for _, dir := range []string{one, two} {
		if err := writeJournal(dir, manySessions(begin, 20)...); err != nil {
			t.Fatal(err)
		}
	}
	var foreign []journal.Entry
	for e, err := range journal.Read(one, journal.From{}) {
		if err != nil {
			t.Fatal(err)
		}
		e.Line = bytes.Clone(e.Line)
		e.Identity.Epoch = "0123456789abcdef" // the end that two has lost, and begun again
		foreign = append(foreign, e)
	}
	for e, err := range journal.Read(two, journal.From{}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range foreign {
			foreign[i].Identity.Journal = e.Identity.Journal
		}
		break
	}
	deliver(t, two, foreign)
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"logs", "--json", "--dir", two}, &out, &errs); code != exitOK {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	if !strings.Contains(errs.String(), "is not of the journal that is there; the journal itself is read instead") {
		t.Errorf("standard error has %q", errs.String())
	}
	sameLines(t, "segments", logsOf(t, []string{"logs", "--json", "--dir", two, "--from", "segments"}), out.String())
}

// TestStoreThatGrows has each record once, also when more of the journal comes into its history after it was opened.
func TestStoreThatGrows(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "j")
	if err := writeJournal(dir, manySessions(time.Date(2100, 3, 4, 15, 4, 0, 0, time.UTC), 50)...); err != nil {
		t.Fatal(err)
	}
	fill(t, dir, 100)
	var errs strings.Builder
	v := newLogView(newLogStats(&strings.Builder{}), &errs, history.Filter{}, fromStore)
	list, err := v.open(t.Context(), []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(list)
	fill(t, dir, 150)
	seen := make(map[uint64]int)
	for e, err := range v.merged(t.Context(), list, v.matches) {
		if err != nil {
			t.Fatal(err)
		}
		seen[e.Identity.Seq]++
	}
	for seq, n := range seen {
		if n != 1 {
			t.Fatalf("record %d comes %d times", seq, n)
		}
	}
	if len(seen) < 200 {
		t.Errorf("%d records", len(seen))
	}
}

func sessionName(i int) string { return fmt.Sprintf("%016d", i) }

// manySessions are sessions of several services, programs and zones, and refusals, whose records are written a little
// later than they happened.
func manySessions(begin time.Time, n int) []flow.Record {
	random := rand.New(rand.NewPCG(7, 7))
	var list []flow.Record
	for i := range n {
		at := begin.Add(time.Duration(i)*200*time.Millisecond - time.Duration(random.IntN(400))*time.Millisecond)
		records := sessionOf(fmt.Sprint("s", i%4), at)
		peer, origin := *records[0].Peer, *records[0].Origin
		peer.Addr = netip.AddrPortFrom(peer.Addr.Addr(), uint16(40000+i))
		if i%5 == 0 {
			peer.Zone, origin.Program, origin.UID, origin.User = flow.ZoneLAN, "node server.js", 1001, "bob"
		} else {
			origin.Program = "psql"
		}
		for j := range records {
			copy(records[j].Session[:], sessionName(i))
			records[j].Peer, records[j].Origin = &peer, &origin
		}
		records[1].Session = flow.SessionID{} // a refusal is of no session
		list = append(list, records...)
		list = append(list, flow.Record{Time: at, Event: flow.EventJournalHeartbeat, Beat: &flow.Beat{Open: uint64(i)}})
	}
	return list
}

// fill makes a history of the first records of a journal.
func fill(t *testing.T, dir string, n uint64) {
	t.Helper()
	var list []journal.Entry
	for e, err := range journal.Read(dir, journal.From{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Identity.Seq > n {
			break
		}
		e.Line = bytes.Clone(e.Line)
		list = append(list, e)
	}
	deliver(t, dir, list)
}

func deliver(t *testing.T, dir string, list []journal.Entry) {
	t.Helper()
	store, err := history.Open(context.Background(), history.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := store.Deliver(context.Background(), list); n != len(list) || err != nil {
		t.Errorf("%d of %d are delivered: %v", n, len(list), err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func logsOf(t *testing.T, args []string) string {
	t.Helper()
	var out, errs strings.Builder
	if code := run(t.Context(), args, &out, &errs); code != exitOK || errs.Len() > 0 {
		t.Fatalf("%q: exit %d, %s", args, code, errs.String())
	}
	return out.String()
}

// sameLines compares record by record.
func sameLines(t *testing.T, name, want, got string) {
	t.Helper()
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Errorf("%s: record %d is\n%s\nin the segments, and\n%s\nin the store", name, i+1, a[i], b[i])
			return
		}
	}
	if len(a) != len(b) {
		t.Errorf("%s: the segments have %d records, the store %d", name, len(a)-1, len(b)-1)
	}
}
