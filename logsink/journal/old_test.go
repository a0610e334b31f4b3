package journal

import (
	"bytes"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// TestBeforeOrigins reads a journal of the time before processes were searched for, the document's example of then, and
// writes its records again: of sessions whose process is not known, lines are what they were.
func TestBeforeOrigins(t *testing.T) {
	old := readFile(t, "testdata/before-origins.jsonl")
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, segmentName(1)), old)
	if r := content(t, dir); r.Records != 14 || r.Opens != 2 || r.Closes != 2 {
		t.Errorf("report %+v", r)
	}
	root := parseSchema(t)
	lines := bytes.Split(bytes.TrimSuffix(old, []byte("\n")), []byte("\n"))
	for _, line := range lines {
		if err := root.checkLine(line); err != nil {
			t.Error(err)
		}
		e, err := Decode(line)
		if err != nil {
			t.Fatal(err)
		}
		again, err := NewEncoder().Append(nil, e.Identity, &e.Record)
		if h, _ := parseHead(line); err != nil || string(again) != string(h.covered)+"}" {
			t.Errorf("what was written as\n%s\nis now\n%s", line, again)
		}
	}
	one := flow.SessionID([]byte("7zk3m9q4t1v8x2c5"))
	open, over := opened(one), closed(one)
	open.Time = time.Date(2026, 3, 14, 9, 26, 57, 293496911, time.UTC)
	over.Time = time.Date(2026, 3, 14, 9, 26, 58, 528064802, time.UTC)
	unix := exampleUnix(flow.SessionID([]byte("b0d4f6h8j2n5p7r9")))
	unix.Time = time.Date(2026, 3, 14, 9, 27, 2, 231768475, time.UTC)
	stranger := exampleStranger(netip.MustParseAddrPort("192.0.2.7:40112"))
	stranger.Time = time.Date(2026, 3, 14, 9, 26, 59, 762632693, time.UTC)
	for i, want := range map[int]flow.Record{2: open, 3: over, 4: stranger, 6: unix} {
		e, err := Decode(lines[i])
		if err != nil {
			t.Fatal(err)
		}
		if diff := same(want, e.Record); diff != "" {
			t.Errorf("%s\n%s", lines[i], diff)
		}
	}
}
