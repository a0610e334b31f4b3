package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// scanEnd finds a segment's last record that follows the one before it; good is the offset behind it, 0 when there is
// none. Damage in the middle, with good records behind it, is for Verify to tell.
func scanEnd(s *segment) (end ending, good int64, err error) {
	f, err := openSegment(s.path)
	if err != nil {
		return end, 0, err
	}
	defer f.Close()
	var previous point
	if first, err := firstEntry(s.path); err == nil {
		previous, _ = before(first)
	}
	var hash hasher
	for l := newLineReader(f); ; {
		line, err := l.next()
		if errors.Is(err, errLong) {
			continue
		}
		if errors.Is(err, io.EOF) || errors.Is(err, errPartial) {
			return end, good, nil
		}
		if err != nil {
			return end, good, err
		}
		h, ok := parseHead(line)
		if !ok {
			continue
		}
		if h.follows(previous, &hash) {
			good = l.end
			end = endingAt(&h, line)
		}
		if p, ok := h.point(); ok {
			previous = p
		}
	}
}

func endingAt(h *head, line []byte) ending {
	var end ending
	end.point, _ = h.point()
	if h.event != flow.EventJournalStop {
		return end
	}
	if e, err := Decode(line); err == nil && e.Record.Journal != nil {
		end.stopped, end.open = true, e.Record.Journal.Count
	}
	return end
}

// moveAside moves what stands behind good into a file of its own and cuts it off. The copy is safe before the cut.
func (w *writer) moveAside(s *segment, good int64, found *findings) error {
	from, err := os.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer from.Close()
	name := freeName(fmt.Sprintf("%s%s%d", strings.TrimSuffix(s.path, segmentSuffix), tornMark, good))
	to, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	size := s.size - good
	_, err = io.Copy(to, io.NewSectionReader(from, good, size))
	if err = errors.Join(err, to.Sync(), to.Close(), syncDir(w.dir)); err != nil {
		_ = os.Remove(name) // the whole is where it was; on a full disk each attempt would leave a part behind
		return fmt.Errorf("set aside the end of %s: %w", s.name(), err)
	}
	if err := errors.Join(from.Truncate(good), from.Sync()); err != nil {
		return fmt.Errorf("cut the end of %s: %w", s.name(), err)
	}
	s.size = good
	found.bytes += size
	found.add(fmt.Sprintf("%d bytes at the end of %s are no records and were moved to %s", size, s.name(),
		filepath.Base(name)))
	return nil
}

// freeName adds a number to a name that is taken.
func freeName(name string) string {
	for i, free := 2, name; ; i++ {
		if _, err := os.Lstat(free); errors.Is(err, os.ErrNotExist) {
			return free
		}
		free = fmt.Sprintf("%s.%d", name, i)
	}
}
