package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// killed makes a journal with whole sessions and open ones, in several segments when rotate is small, and ends it as
// kill -9 does: without a journal.stop.
func killed(t testing.TB, dir string, rotate flow.Size, whole, open int) {
	t.Helper()
	c := small(dir)
	c.Settings.RotateSize = rotate
	j, stop := running(t, c)
	for range open {
		mustAppend(t, j, opened(flow.NewSessionID()))
	}
	for range whole {
		session(t, j)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	cutLast(t, lastSegment(t, dir))
}

func lastSegment(t testing.TB, dir string) string {
	t.Helper()
	list := segmentsOf(t, dir)
	return list[len(list)-1].path
}

func segmentsOf(t testing.TB, dir string) []segment {
	t.Helper()
	list, err := listSegments(dir)
	if err != nil || len(list) == 0 {
		t.Fatalf("segments of %s: %v, %v", dir, list, err)
	}
	return list
}

// cutLast takes the last line off a file.
func cutLast(t testing.TB, path string) {
	t.Helper()
	b := readFile(t, path)
	writeFile(t, path, b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1])
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// restart opens the journal and ends it in order.
func restart(t testing.TB, dir string) {
	t.Helper()
	_, stop := running(t, small(dir))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// recoveries returns the journal.recovered records and the crash_recovered closes.
func recoveries(list []Entry) (recovered []*flow.Journal, closes []flow.Record) {
	for i := range list {
		switch r := list[i].Record; {
		case r.Event == flow.EventJournalRecovered:
			recovered = append(recovered, r.Journal)
		case r.Event == flow.EventSessionClose && r.Outcome.End == flow.EndCrashRecovered:
			closes = append(closes, r)
		}
	}
	return recovered, closes
}

func TestCrashClosesWhatWasOpen(t *testing.T) {
	for _, rotate := range []flow.Size{0, smallestRotate} {
		t.Run(rotate.String(), func(t *testing.T) {
			dir := t.TempDir()
			killed(t, dir, rotate, 20, 3)
			for range 3 { // once, and never again
				restart(t, dir)
			}
			recovered, closes := recoveries(entries(t, dir))
			if len(recovered) != 1 || recovered[0].Count != 3 || recovered[0].Bytes != 0 {
				t.Errorf("journal.recovered: %+v", recovered)
			}
			if len(closes) != 3 {
				t.Fatalf("%d closes are crash_recovered, want 3", len(closes))
			}
			if c := closes[0]; c.Outcome.Known || c.Service != "pg" || c.Peer == nil || c.Origin.PID != 4242 ||
				c.Backend.Port != 5432 || c.Outcome.EndedBy != flow.SideLodoor {
				t.Errorf("close %+v, outcome %+v", c, c.Outcome)
			}
			if r := content(t, dir); r.Opens != 23 || r.Closes != 23 || r.Segments < 2 && rotate != 0 {
				t.Errorf("report %+v", r)
			}
		})
	}
}

func TestTornTail(t *testing.T) {
	for _, c := range []struct {
		name string
		tear func(b []byte) (left, torn []byte)
	}{
		{"incomplete line", func(b []byte) ([]byte, []byte) {
			cut := b[:len(b)-20]
			return cut, cut[bytes.LastIndexByte(cut, '\n')+1:]
		}},
		{"changed last line", func(b []byte) ([]byte, []byte) {
			at := bytes.LastIndex(b, []byte(`"reset"`))
			if at < 0 {
				at = len(b) - 200
			}
			b[at] ^= 1
			return b, b[bytes.LastIndexByte(b[:len(b)-1], '\n')+1:]
		}},
		{"zeros", func(b []byte) ([]byte, []byte) {
			zeros := make([]byte, 4096)
			return append(b, zeros...), zeros
		}},
		{"foreign lines", func(b []byte) ([]byte, []byte) {
			foreign := []byte("{\"seq\":99}\nhello\n")
			return append(b, foreign...), foreign
		}},
		{"a line longer than a line can be", func(b []byte) ([]byte, []byte) {
			long := append(bytes.Repeat([]byte{'x'}, 3*maxLine), '\n')
			return append(b, long...), long
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			killed(t, dir, 0, 2, 0)
			path := lastSegment(t, dir)
			left, torn := c.tear(readFile(t, path))
			torn = bytes.Clone(torn)
			writeFile(t, path, left)
			restart(t, dir)
			report := content(t, dir)
			if len(report.Torn) != 1 {
				t.Fatalf("torn files: %v", report.Torn)
			}
			if got := readFile(t, filepath.Join(dir, report.Torn[0])); !bytes.Equal(got, torn) {
				t.Errorf("set aside %.80q, the tail was %.80q", got, torn)
			}
			recovered, _ := recoveries(entries(t, dir))
			if len(recovered) != 1 || recovered[0].Bytes != uint64(len(torn)) ||
				!strings.Contains(recovered[0].Reason, report.Torn[0]) {
				t.Errorf("journal.recovered: %+v", recovered)
			}
		})
	}
}

// TestCutAnywhere ends the last segment within and between its records, as a crash may: the next start always makes a whole
// journal of it, in which each session that was opened is closed once.
func TestCutAnywhere(t *testing.T) {
	from := t.TempDir()
	killed(t, from, smallestRotate, 5, 2)
	restart(t, from) // so that the cut also falls between the records of a recovery
	last := lastSegment(t, from)
	whole := readFile(t, last)
	for size := range len(whole) {
		if size%13 != 0 && whole[max(size-1, 0)] != '\n' { // each end of a line, and enough places within
			continue
		}
		dir := t.TempDir()
		for _, s := range segmentsOf(t, from) {
			writeFile(t, filepath.Join(dir, s.name()), readFile(t, s.path))
		}
		writeFile(t, filepath.Join(dir, filepath.Base(last)), whole[:size])
		restart(t, dir)
		r := content(t, dir)
		if r.Opens != r.Closes || r.Open != 0 {
			t.Fatalf("cut at %d: %+v", size, r)
		}
		if pairs := pairing(t, dir); pairs != "" {
			t.Fatalf("cut at %d: %s", size, pairs)
		}
		_ = os.RemoveAll(dir)
	}
}

// pairing says which session has not exactly one open and one close.
func pairing(t testing.TB, dir string) string {
	t.Helper()
	opens, closes := map[flow.SessionID]int{}, map[flow.SessionID]int{}
	for _, e := range entries(t, dir) {
		switch e.Record.Event {
		case flow.EventSessionOpen:
			opens[e.Record.Session]++
		case flow.EventSessionClose:
			closes[e.Record.Session]++
		}
	}
	for id, n := range opens {
		if n != 1 || closes[id] != 1 {
			return fmt.Sprintf("session %s has %d opens and %d closes", id, n, closes[id])
		}
		delete(closes, id)
	}
	if len(closes) > 0 {
		return fmt.Sprintf("%d closes without an open", len(closes))
	}
	return ""
}

func TestWithdrawnTailOfEarlierSegment(t *testing.T) {
	// A batch was withdrawn, the next segment begun, and then the machine died before the cut had reached the disk.
	dir := t.TempDir()
	killed(t, dir, smallestRotate, 10, 1)
	list := segmentsOf(t, dir)
	if len(list) < 2 {
		t.Fatalf("%d segments", len(list))
	}
	next := readFile(t, list[1].path)
	ghost := next[:bytes.IndexByte(next, '\n')+1]
	writeFile(t, list[0].path, append(readFile(t, list[0].path), ghost...))
	restart(t, dir)
	if r := content(t, dir); len(r.Torn) != 1 {
		t.Errorf("report %+v", r)
	}
}

func TestDamageInTheMiddleStays(t *testing.T) {
	dir := t.TempDir()
	killed(t, dir, 0, 5, 0)
	path := lastSegment(t, dir)
	b := readFile(t, path)
	b[bytes.Index(b, []byte(`"psql"`))+1] ^= 1
	writeFile(t, path, b)
	restart(t, dir)
	r, err := Verify(dir)
	if err != nil || r.Problem == nil || len(r.Torn) != 0 || r.Problem.Line != 2 {
		t.Errorf("damage was mended or lost: %+v, %v", r, err)
	}
}

func TestSegmentWithoutARecord(t *testing.T) {
	for _, text := range []string{"", "half a li"} {
		dir := t.TempDir()
		killed(t, dir, 0, 2, 1)
		next := entries(t, dir)
		last := next[len(next)-1].Identity.Seq
		writeFile(t, filepath.Join(dir, segmentName(last+1)), []byte(text))
		restart(t, dir)
		if r := content(t, dir); r.Opens != 3 || r.Closes != 3 || (len(r.Torn) == 1) != (text != "") {
			t.Errorf("%q: report %+v", text, r)
		}
	}
}
