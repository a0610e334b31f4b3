package journal

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// segmented makes a running journal with several finished segments.
func segmented(t testing.TB, dir string) (j *Journal, stop func() error) {
	t.Helper()
	c := small(dir)
	c.Settings.RotateSize = smallestRotate
	j, stop = running(t, c)
	for range 20 {
		session(t, j)
	}
	return j, stop
}

// packAll compresses everything that is finished.
func packAll(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.compressDue(context.Background(), time.Now().Add(2*packAge)); err != nil {
		t.Fatal(err)
	}
}

func names(t testing.TB, dir string) (list []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if strings.HasPrefix(e.Name(), segmentPrefix) {
			list = append(list, e.Name())
		}
	}
	return list
}

// packedOnly fails unless all segments but the last are compressed, and nothing else is there.
func packedOnly(t testing.TB, dir string) {
	t.Helper()
	list := names(t, dir)
	for i, name := range list {
		if strings.HasSuffix(name, packedSuffix) != (i < len(list)-1) {
			t.Fatalf("the directory has %v", list)
		}
	}
	if len(list) < 3 {
		t.Fatalf("only %v", list)
	}
}

func lines(list []Entry) (all []string) {
	for i := range list {
		all = append(all, list[i].Identity.Epoch+" "+string(list[i].Line))
	}
	return all
}

func TestCompressedIsTheSameJournal(t *testing.T) {
	dir := t.TempDir()
	j, stop := segmented(t, dir)
	before, segments := lines(entries(t, dir)), segmentsOf(t, dir)
	packAll(t, j)
	packedOnly(t, dir)
	if after := lines(entries(t, dir)); !slices.Equal(before, after) {
		t.Fatal("other records are read from the compressed segments")
	}
	for i, s := range segmentsOf(t, dir)[:len(segments)-1] {
		info, err := os.Stat(s.path)
		if err != nil || info.Mode().Perm() != 0o600 || !s.mod.Equal(segments[i].mod) || s.size >= segments[i].size/2 {
			t.Errorf("%s: mode %v, %v, %d bytes of %d; %v", s.name(), info.Mode(), s.mod, s.size, segments[i].size, err)
		}
	}
	content(t, dir)
	session(t, j)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	again, _ := running(t, small(dir))
	session(t, again)
	content(t, dir)
	if e, err := firstEntry(segmentsOf(t, dir)[0].path); err != nil || e.Record.Event != flow.EventJournalStart {
		t.Errorf("first %+v, %v", e.Record, err)
	}
}

func TestCompressOnlyWhatRestedAndWasTaken(t *testing.T) {
	dir := t.TempDir()
	j, _ := segmented(t, dir)
	n := len(segmentsOf(t, dir))
	if err := j.compressDue(context.Background(), time.Now().Add(packAge/2)); err != nil {
		t.Fatal(err)
	}
	if list := strings.Join(names(t, dir), " "); strings.Contains(list, "zst") {
		t.Fatalf("compressed after half an hour: %s", list)
	}
	f, err := j.Feed(FeedConfig{Destination: &store{name: "slow"}})
	if err != nil {
		t.Fatal(err)
	}
	f.saved.Store(segmentsOf(t, dir)[2].first - 1)
	packAll(t, j)
	list := names(t, dir)
	if len(list) != n || !strings.HasSuffix(list[1], ".zst") || strings.HasSuffix(list[2], ".zst") {
		t.Errorf("a feed has taken the first two segments: %v", list)
	}
}

// TestCompressAmidCrashes makes each state in which a crash can leave the files.
func TestCompressAmidCrashes(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, plain, packed string, packedData, plainData []byte){
		"part of the temporary file": func(t *testing.T, _, packed string, packedData, _ []byte) {
			writeFile(t, packed+temporarySuffix, packedData[:len(packedData)/2])
		},
		"the temporary file": func(t *testing.T, _, packed string, packedData, _ []byte) {
			writeFile(t, packed+temporarySuffix, packedData)
		},
		"both": func(t *testing.T, _, packed string, packedData, _ []byte) {
			writeFile(t, packed, packedData)
		},
		"the plain one gone": func(t *testing.T, plain, packed string, packedData, _ []byte) {
			writeFile(t, packed, packedData)
			if err := os.Remove(plain); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, stop := segmented(t, dir)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			s := segmentsOf(t, dir)[1]
			plain := readFile(t, s.path)
			packed := strings.TrimSuffix(s.path, segmentSuffix) + packedSuffix
			if _, err := packFile(context.Background(), s, packed); err != nil {
				t.Fatal(err)
			}
			data := readFile(t, packed)
			if err := os.Remove(packed); err != nil {
				t.Fatal(err)
			}
			spoil(t, s.path, packed, data, plain)
			before := len(entries(t, dir))
			content(t, dir)
			running(t, small(dir))
			if now := len(entries(t, dir)); now <= before || before < 40 {
				t.Errorf("%d records, %d before", now, before)
			}
			content(t, dir)
			if list := names(t, dir); strings.Count(strings.Join(list, " "), filepath.Base(s.path)) > 1 ||
				strings.Contains(strings.Join(list, " "), temporarySuffix) {
				t.Errorf("left: %v", list)
			}
		})
	}
}

// TestOpenInACompressedSegment crashes with a session whose open and origin stand in a compressed segment.
func TestOpenInACompressedSegment(t *testing.T) {
	dir := t.TempDir()
	c := small(dir)
	c.Settings.RotateSize = smallestRotate
	j, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	id := flow.NewSessionID()
	j.Add(opened(id), nil)
	j.Add(located(id), nil)
	j.Flush()
	for range 20 {
		other := flow.NewSessionID()
		j.Add(opened(other), nil)
		j.Add(closed(other), nil)
		j.turn()
	}
	packAll(t, j)
	j.writer.abandon() // as a crash does
	packedOnly(t, dir)
	running(t, c)
	r := content(t, dir)
	if r.Opens != 21 || r.Closes != 21 {
		t.Errorf("report %+v", r)
	}
	for _, e := range entries(t, dir) {
		if e.Record.Outcome == nil || e.Record.Outcome.End != flow.EndCrashRecovered {
			continue
		}
		if e.Record.Session != id || e.Record.Service != "pg" || e.Record.Origin == nil || e.Record.Peer == nil {
			t.Errorf("recovered %+v", e.Record)
		}
	}
}

func TestPruneCompressed(t *testing.T) {
	dir := t.TempDir()
	j, _ := segmented(t, dir)
	packAll(t, j)
	n := len(segmentsOf(t, dir))
	j.writer.mu.Lock()
	j.writer.settings.MaxAge = time.Nanosecond
	j.writer.finished = slices.Clone(j.writer.finished)
	j.writer.retain(time.Now().Add(time.Second))
	j.writer.mu.Unlock()
	if now := len(segmentsOf(t, dir)); now != 1 || n < 3 {
		t.Errorf("%d segments, %d before", now, n)
	}
	if r := content(t, dir); r.Pruned == 0 {
		t.Errorf("report %+v", r)
	}
}

// TestErasedWhileCompressed lets retention take the segment that is being compressed: it must not come back.
func TestErasedWhileCompressed(t *testing.T) {
	dir := t.TempDir()
	j, _ := segmented(t, dir)
	s, found := j.compressible(time.Now().Add(2 * packAge))
	if !found {
		t.Fatal("nothing to compress")
	}
	j.writer.mu.Lock()
	copyOf := readFile(t, s.path)
	j.writer.prune(time.Now(), "a test")
	j.writer.mu.Unlock()
	writeFile(t, s.path, copyOf) // it was open still
	err := j.writer.pack(context.Background(), s)
	if err == nil || !strings.Contains(err.Error(), errErased.Error()) {
		t.Errorf("error %v", err)
	}
	if err := os.Remove(s.path); err != nil {
		t.Error(err)
	}
	if list := strings.Join(names(t, dir), " "); strings.Contains(list, "zst") {
		t.Errorf("left: %s", list)
	}
	content(t, dir)
}

// TestNoCompressionInThrift: what the reserve has held is for records.
func TestNoCompressionInThrift(t *testing.T) {
	j, _ := segmented(t, t.TempDir())
	later := time.Now().Add(2 * packAge)
	if _, found := j.compressible(later); !found {
		t.Fatal("nothing to compress")
	}
	j.writer.mu.Lock()
	j.writer.thrift, j.writer.thriftAt = ErrSpace, later
	j.writer.mu.Unlock()
	if s, found := j.compressible(later); found {
		t.Errorf("%s is to be compressed on a full disk", s.name())
	}
}
