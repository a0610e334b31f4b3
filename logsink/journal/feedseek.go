package journal

import (
	"errors"
	"io"

	"github.com/lodoor/lodoor/proxy/flow"
)

// oldest makes the oldest record that there is the next.
func (r *feedReader) oldest() error {
	list, err := listSegments(r.dir)
	if err != nil {
		return err
	}
	r.rewind(0)
	if len(list) > 0 {
		r.rewind(list[0].first - 1)
	}
	return nil
}

// seek makes the record behind id the next. When id is no more in the journal, that is:
//   - the oldest record, when id was erased, or nothing of its epoch is left;
//   - the first record of the next epoch, when the end of its epoch was lost, and its number was given to another record.
func (r *feedReader) seek(id flow.Identity) error {
	missed := r.missed
	defer func() { r.missed = missed }() // nothing is passed by looking for it
	r.rewind(max(id.Seq, 1) - 1)
	_, h, err := r.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err == nil && r.at.Epoch == id.Epoch {
		if h.seq > id.Seq { // erased, or no record any more
			r.rewind(id.Seq)
		}
		return nil
	}
	return r.seekBehind(id)
}

// seekBehind makes the first record behind an epoch the next.
func (r *feedReader) seekBehind(id flow.Identity) error {
	if err := r.oldest(); err != nil {
		return err
	}
	from := r.at.Seq
	for known := false; ; {
		_, _, err := r.next()
		switch {
		case errors.Is(err, io.EOF) && known:
			return nil // that epoch is the last: all of it has been delivered
		case errors.Is(err, io.EOF):
			r.rewind(min(from, id.Seq))
			return nil
		case err != nil:
			return err
		case r.at.Epoch == id.Epoch:
			known = true
		case known:
			r.rewind(r.at.Seq - 1)
			return nil
		}
	}
}
