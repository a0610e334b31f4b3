package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	segmentPrefix = "journal-"
	segmentSuffix = ".jsonl"
	tornMark      = ".torn-"
	// temporarySuffix is of files that take another's place when they are whole.
	temporarySuffix = ".tmp"
)

// segment is one file of the journal.
type segment struct {
	path  string
	first uint64 // the number of its first record, from its name
	size  int64
	mod   time.Time // when it was last written
}

func (s segment) name() string { return filepath.Base(s.path) }

// segmentName is the name of the segment whose first record is first: names sort as numbers do.
func segmentName(first uint64) string {
	return fmt.Sprintf("%s%020d%s", segmentPrefix, first, segmentSuffix)
}

// parseSegmentName reads the name of a segment, compressed or not.
func parseSegmentName(name string) (first uint64, ok bool) {
	plain := strings.TrimSuffix(name, ".zst")
	digits, ok := strings.CutPrefix(plain, segmentPrefix)
	digits, ok2 := strings.CutSuffix(digits, segmentSuffix)
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, ok && ok2 && err == nil && segmentName(first) == plain
}

// HasSegments says whether a directory has a journal.
func HasSegments(dir string) (bool, error) {
	list, err := listSegments(dir)
	if err != nil {
		return false, fmt.Errorf("read journal: %w", err)
	}
	return len(list) > 0, nil
}

// listSegments lists the segments of a directory, oldest first. Of one that is there compressed and not, the latter
// counts: it is removed only when the other is whole and safe.
func listSegments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []segment
	for _, e := range entries {
		first, ok := parseSegmentName(e.Name())
		if !ok {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // erased meanwhile
		}
		if err != nil {
			return nil, err
		}
		list = append(list, segment{
			path: filepath.Join(dir, e.Name()), first: first, size: info.Size(), mod: info.ModTime(),
		})
	}
	slices.SortFunc(list, func(a, b segment) int { return strings.Compare(a.path, b.path) })
	return slices.CompactFunc(list, func(a, b segment) bool { return a.first == b.first }), nil
}

// tornFiles lists what recovery has moved aside, by name.
func tornFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), segmentPrefix) && strings.Contains(e.Name(), tornMark) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// firstEntry decodes a segment's first record, which tells the journal's id and epoch, and the head of the chain
// before it.
func firstEntry(path string) (Entry, error) {
	f, err := openSegment(path)
	if err != nil {
		return Entry{}, err
	}
	defer f.Close()
	line, err := newLineReader(f).next()
	if err != nil {
		return Entry{}, fmt.Errorf("%s:1: %w", filepath.Base(path), err)
	}
	e, err := Decode(slices.Clone(line))
	if err != nil {
		return Entry{}, fmt.Errorf("%s:1: %w", filepath.Base(path), err)
	}
	return e, nil
}

// before is the point before a segment's first record, as that record tells it.
func before(first Entry) (point, bool) {
	j := first.Record.Journal
	if j == nil || first.Identity.Seq == 0 {
		return point{}, false
	}
	if first.Identity.Seq == 1 {
		return point{0, chainStart(j.ID)}, true
	}
	c, ok := parseChain([]byte(j.Head))
	return point{first.Identity.Seq - 1, c}, ok
}
