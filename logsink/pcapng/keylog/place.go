package keylog

import (
	"bytes"
	"errors"
	"io"
)

// markSize is how much of what was read last is compared, to see that a file is still the one that it was: more than half
// of a line, and so a part of a secret that no other file has.
const markSize = 128

// place is where the reading of a file is.
type place struct {
	offset int64
	mark   []byte // what stands before offset, at most markSize
	within bool   // offset is within a line, and the rest of that line is nothing to be kept
}

// placeIn is where the reading of a file of that size begins.
func placeIn(size int64) place {
	if size <= maxBefore {
		return place{}
	}
	return place{offset: size - maxBefore, within: true}
}

// next takes the whole lines that come next, and says whether there may be more of them.
func (l *Log) next(wanted Wanted) (more bool, err error) {
	p := &l.place
	info, err := l.file.Stat()
	if err != nil {
		return false, err
	}
	n, err := l.file.ReadAt(l.raw[:len(p.mark)+maxRead], p.offset-int64(len(p.mark)))
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	news, same := bytes.CutPrefix(l.raw[:n], p.mark)
	if !same || info.Size() < p.offset {
		*p = placeIn(info.Size())
		return true, nil
	}
	taken := bytes.LastIndexByte(news, '\n') + 1
	switch {
	case taken > 0:
		l.takeLines(news[:taken], wanted)
	case len(news) == maxRead: // no line of the format is as long
		taken = len(news)
		if !p.within {
			l.stats.Dropped++
		}
		p.within = true
	default:
		return false, nil // the end, or a line that is still being written
	}
	p.offset += int64(taken)
	before := l.raw[:len(p.mark)+taken]
	p.mark = append([]byte(nil), before[max(0, len(before)-markSize):]...)
	return true, nil
}

// takeLines keeps those of whole lines that are of the format and wanted.
func (l *Log) takeLines(lines []byte, wanted Wanted) {
	if l.place.within {
		_, lines, _ = bytes.Cut(lines, []byte{'\n'})
		l.place.within = false
	}
	for line := range bytes.Lines(lines) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		random, ok := parse(line)
		switch {
		case !ok:
			l.stats.Dropped++
		case wanted != nil && !wanted(random):
			l.stats.Foreign++
		default:
			l.stats.Lines++
			l.lines = append(append(l.lines, line...), '\n')
		}
	}
}
