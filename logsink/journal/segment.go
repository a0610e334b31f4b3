package journal

import (
	"errors"
	"fmt"
	"io"
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

func parseSegmentName(name string) (first uint64, ok bool) {
	digits, ok := strings.CutPrefix(name, segmentPrefix)
	digits, ok2 := strings.CutSuffix(digits, segmentSuffix)
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, ok && ok2 && err == nil && segmentName(first) == name
}

// listSegments lists the segments of a directory, oldest first.
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
	return list, nil
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
	f, err := os.Open(path)
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

// openSegment opens a segment for reading.
func openSegment(path string) (io.ReadCloser, error) { return os.Open(path) }

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
