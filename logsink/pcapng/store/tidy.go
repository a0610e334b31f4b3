package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/proxy/flow"
)

// headroom is the part of MaxTotal that stays free where the oldest files are removed, so that recording has room
// until they are looked at again; and the most that one file should take of it.
const headroom = 8

// Tidied is what Tidy found and did.
type Tidied struct {
	// Others is what the files in the directory take that this store does not write: finished ones, of every service and
	// door, and those that others write.
	Others int64
	// Removed are the files that were removed, the oldest first.
	Removed []Removed
	// Stuck says why files that should have been removed could not be; nil when none was.
	Stuck error
}

// Removed is a file that was removed.
type Removed struct {
	Path string
	Size int64
	// Full says that its room was needed; otherwise it was older than Keep.
	Full bool
}

// entry is a file in the directory.
type entry struct {
	path     string
	size     int64
	modified time.Time
	// finished says that it is a recording that lodoor has finished: only those are removed.
	finished bool
}

// Tidy removes the finished files that are older than Keep, by the time of their last packet; and while there is not
// enough room for own, what the open files of this store take and will take of MaxTotal, the oldest ones, if that is
// wanted. Files that lodoor did not name are counted when they end as recordings do, and never removed. It is an error when
// the directory cannot be looked at; then it has done nothing.
func (s *Store) Tidy(now time.Time, own int64) (t Tidied, err error) {
	entries, err := s.entries()
	if err != nil {
		return t, fmt.Errorf("look at the recordings: %w", err)
	}
	for i := range entries {
		t.Others += entries[i].size
	}
	var errs []error
	for i := range entries {
		e := &entries[i]
		old := s.config.Keep > 0 && now.Sub(e.modified) > s.config.Keep
		full := s.full(t.Others + own)
		if !e.finished || !old && !full {
			continue
		}
		if err := removeIfThere(e.path); err != nil {
			errs = append(errs, fmt.Errorf("remove an old recording: %w", err))
			continue
		}
		t.Others -= e.size
		t.Removed = append(t.Removed, Removed{Path: e.path, Size: e.size, Full: !old})
	}
	t.Stuck = errors.Join(errs...)
	return t, nil
}

// full says whether room has to be made.
func (s *Store) full(total int64) bool {
	most := s.config.MaxTotal
	return s.config.WhenFull == WhenFullOldest && most > 0 && flow.Size(total) > most-most/headroom
}

// entries are the recordings that this store does not write, the oldest first.
func (s *Store) entries() ([]entry, error) {
	list, err := os.ReadDir(s.config.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []entry
	for _, e := range list {
		name, ours := block.ParseFileName(e.Name())
		if !ours && !block.IsRecording(e.Name()) || !e.Type().IsRegular() || s.writes(e.Name()) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		out = append(out, entry{
			path: filepath.Join(s.config.Dir, e.Name()), size: info.Size(), modified: info.ModTime(),
			finished: ours && !name.Unfinished(),
		})
	}
	slices.SortFunc(out, func(a, b entry) int {
		return cmp.Or(a.modified.Compare(b.modified), cmp.Compare(a.path, b.path))
	})
	return out, nil
}
