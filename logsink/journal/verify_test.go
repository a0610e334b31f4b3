package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

// whole makes a journal of several segments that was ended in order.
func whole(t testing.TB, dir string) {
	t.Helper()
	c := small(dir)
	c.Settings.RotateSize = smallestRotate
	j, stop := running(t, c)
	for range 8 {
		session(t, j)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if n := len(segmentsOf(t, dir)); n < 3 {
		t.Fatalf("%d segments", n)
	}
}

func splitLines(b []byte) [][]byte {
	return bytes.SplitAfter(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
}

func joinLines(lines [][]byte) []byte {
	var b []byte
	for _, l := range lines {
		b = append(append(b, bytes.TrimSuffix(l, []byte("\n"))...), '\n')
	}
	return b
}

// editLines rewrites the lines of the n-th segment.
func editLines(n int, edit func([][]byte) [][]byte) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		path := nth(t, dir, n).path
		writeFile(t, path, joinLines(edit(splitLines(readFile(t, path)))))
	}
}

// nth is the n-th segment, a negative n counts from the end.
func nth(t testing.TB, dir string, n int) segment {
	t.Helper()
	list := segmentsOf(t, dir)
	return list[(n+len(list))%len(list)]
}

func TestVerifyFinds(t *testing.T) {
	for _, c := range []struct {
		name          string
		tamper        func(t *testing.T, dir string)
		segment, line int // where the problem is to be seen; line 0 is any
		what          string
	}{
		{"a changed byte", editLines(1, func(l [][]byte) [][]byte {
			l[2] = bytes.Replace(l[2], []byte("psql"), []byte("sqlp"), 1)
			return l
		}), 1, 3, "was changed"},
		{"a line gone", editLines(1, func(l [][]byte) [][]byte { return append(l[:2:2], l[3:]...) }), 1, 3,
			"expected record"},
		{"the first line of a segment gone", editLines(1, func(l [][]byte) [][]byte { return l[1:] }), 1, 1,
			"expected record"},
		{"two lines swapped", editLines(0, func(l [][]byte) [][]byte {
			l[1], l[2] = l[2], l[1]
			return l
		}), 0, 2, "expected record 2, found record 3"},
		{"a line twice", editLines(0, func(l [][]byte) [][]byte {
			return append(l[:2:2], l[1:]...)
		}), 0, 3, "expected record 3, found record 2"},
		{"an empty line", editLines(0, func(l [][]byte) [][]byte {
			return append([][]byte{l[0], {}}, l[1:]...)
		}), 0, 2, "expected a record"},
		{"a segment cut at a line", editLines(1, func(l [][]byte) [][]byte { return l[:len(l)-1] }), 2, 1,
			"expected record"},
		{"the last segment cut at a line", editLines(-1, func(l [][]byte) [][]byte { return l[:len(l)-1] }), -1, 0,
			"expected journal.stop"},
		{"a segment cut within a line", func(t *testing.T, dir string) {
			s := segmentsOf(t, dir)[1]
			if err := os.Truncate(s.path, s.size-10); err != nil {
				t.Fatal(err)
			}
		}, 1, 0, "no newline"},
		{"an emptied segment", func(t *testing.T, dir string) {
			if err := os.Truncate(segmentsOf(t, dir)[1].path, 0); err != nil {
				t.Fatal(err)
			}
		}, 1, 1, "an empty file"},
		{"the first segment gone", remove(0), 0, 1, "nothing accounts for records 1 to"},
		{"a segment gone", remove(1), 1, 1, "expected record"},
		{"the last segment gone", remove(-1), -1, 0, "expected journal.stop"},
		{"a chain in capitals", editLines(0, func(l [][]byte) [][]byte {
			at := bytes.LastIndex(l[1], []byte(chainKey)) + len(chainKey)
			copy(l[1][at:], bytes.ToUpper(l[1][at:at+64]))
			return l
		}), 0, 2, "expected chain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			whole(t, dir)
			content(t, dir)
			c.tamper(t, dir)
			r, err := Verify(dir)
			if err != nil {
				t.Fatal(err)
			}
			if r.Problem == nil {
				t.Fatal("verify is content")
			}
			if !strings.Contains(r.Problem.Error(), c.what) {
				t.Errorf("%q does not say %q", r.Problem, c.what)
			}
			if got := r.Problem.File; got != nth(t, dir, c.segment).name() {
				t.Errorf("problem in %s, want segment %d", got, c.segment)
			}
			if c.line != 0 && r.Problem.Line != c.line {
				t.Errorf("problem in line %d, want %d", r.Problem.Line, c.line)
			}
		})
	}
}

func remove(n int) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		if err := os.Remove(nth(t, dir, n).path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVerifyFindsEveryBit turns one bit, any.
func TestVerifyFindsEveryBit(t *testing.T) {
	dir := t.TempDir()
	whole(t, dir)
	list := segmentsOf(t, dir)
	rapid.Check(t, func(rt *rapid.T) {
		path := rapid.SampledFrom(list).Draw(rt, "segment").path
		b := readFile(t, path)
		at := rapid.IntRange(0, len(b)-1).Draw(rt, "at")
		changed := bytes.Clone(b)
		changed[at] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		writeFile(t, path, changed)
		r, err := Verify(dir)
		writeFile(t, path, b)
		if err != nil || r.Problem == nil {
			rt.Fatalf("byte %d of %s was changed: %+v, %v", at, filepath.Base(path), r, err)
		}
	})
}

func TestVerifyPairs(t *testing.T) {
	a, b := flow.NewSessionID(), flow.NewSessionID()
	for _, c := range []struct {
		name    string
		records []flow.Record
		what    string
	}{
		{"no close", []flow.Record{opened(a), opened(b), closed(b)}, fmt.Sprintf("expected a session.close for session %q", a)},
		{"no open", []flow.Record{opened(a), closed(a), closed(b)}, fmt.Sprintf("session %q, which is not", b)},
		{"two opens", []flow.Record{opened(a), opened(a), closed(a)}, "which is open since record 2"},
		{"two closes", []flow.Record{opened(a), closed(a), closed(a)}, "which is not"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			forge(t, dir, c.records)
			r, err := Verify(dir)
			if err != nil || r.Problem == nil || !strings.Contains(r.Problem.Error(), c.what) {
				t.Errorf("report %+v, %v; want %q", r, err, c.what)
			}
		})
	}
}

// forge writes a journal whose chain is right and whose records are as given, as no Journal would.
func forge(t testing.TB, dir string, records []flow.Record) {
	t.Helper()
	id := randomHex(16)
	self := func(e flow.Event) flow.Record {
		return flow.Record{Event: e, Journal: &flow.Journal{ID: id, Epoch: randomHex(8)}}
	}
	all := append([]flow.Record{self(flow.EventJournalStart)}, records...)
	all = append(all, self(flow.EventJournalStop))
	w := &writer{at: point{0, chainStart(id)}}
	for i := range all {
		enc := newEncoder()
		if err := enc.encode(&all[i]); err != nil {
			t.Fatal(err)
		}
		w.line(&item{enc: enc})
	}
	writeFile(t, filepath.Join(dir, segmentName(1)), w.batch)
}

func TestVerifyNothing(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "no", "such")} {
		if _, err := Verify(dir); !errors.Is(err, ErrNoJournal) {
			t.Errorf("verify %s: %v", dir, err)
		}
	}
}

func TestVerifyAnotherJournal(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	whole(t, dir)
	whole(t, other)
	from, to := segmentsOf(t, other)[1], segmentsOf(t, dir)[1]
	writeFile(t, to.path, readFile(t, from.path))
	r, err := Verify(dir)
	if err != nil || r.Problem == nil || r.Problem.File != to.name() {
		t.Errorf("a segment of another journal: %+v, %v", r, err)
	}
}
