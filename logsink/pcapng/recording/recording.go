// Package recording reads recordings: the files that lodoor has made, finished ones and those that are being written, as
// what happened in the sessions that they are of.
package recording

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
)

// Options say what is read of a recording.
type Options struct {
	// Leg is which of a session's two connections is told.
	Leg Leg
	// Session chooses sessions, when they open; nil is all of them. What is found out about a session later does not
	// change it.
	Session func(*Session) bool
	// Identities are those that an encrypted recording can be read with: see Identities.
	Identities []age.Identity
}

// Reader reads a recording from its beginning to its end. Its memory grows with the sessions that are open at the same
// time, to a limit, and not with the recording.
type Reader struct {
	name   string
	source *source
	blocks *block.Reader
	track  *tracker
	told   int // events of track that were asked for
	begun  bool
	err    error

	section block.Section
	packets uint64

	// The packet in hand: the connection that it is of, or nil, and its segment.
	leg     *leg
	segment segment
}

// ErrForeign says that a file is no recording of lodoor's.
var ErrForeign = errors.New("it was not made by lodoor")

// Open opens the recording in a file, compressed, encrypted or neither, whatever it is called.
func Open(path string, o Options) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the recording: %w", err)
	}
	r, err := New(f, path, o)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.source.file = f
	return r, nil
}

// New reads a recording from in; name is what the errors call it. The caller closes in, after the Reader.
func New(in io.Reader, name string, o Options) (*Reader, error) {
	s, err := newSource(in, o.Identities)
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", name, err)
	}
	return &Reader{name: name, source: s, blocks: block.NewReader(s), track: newTracker(&o)}, nil
}

// Section is the latest head that was read: who made the recording, and how.
func (r *Reader) Section() block.Section { return r.section }

// Packets is how many packets were read so far, of all sessions.
func (r *Reader) Packets() uint64 { return r.packets }

// Close lets go of the file.
func (r *Reader) Close() error { return r.source.Close() }

// Next returns what happened next. Behind the last event, which is an Ended for each session, the error is io.EOF; when the
// recording ends before it is whole, as one does that is still being written, it is block.ErrTorn, and what came before
// is good. ErrForeign and *block.FormatError say that it is no recording, or a damaged one.
func (r *Reader) Next() (Event, error) {
	for {
		if r.told < len(r.track.events) {
			r.told++
			return r.track.events[r.told-1], nil
		}
		if r.err != nil {
			return Event{}, r.err
		}
		r.track.events, r.told = r.track.events[:0], 0
		if _, err := r.step(); err != nil {
			r.track.close()
			r.err = err
		}
	}
}

// step takes the next block. When it is a packet of a connection, that is the one in hand.
func (r *Reader) step() (*block.Block, error) {
	r.leg = nil
	b, err := r.blocks.Next()
	if err != nil {
		return nil, r.ended(err)
	}
	switch b.Kind {
	case block.KindSection:
		if !strings.HasPrefix(b.Section.Application, "lodoor") {
			return nil, fmt.Errorf("recording %s: %w, but by %q", r.name, ErrForeign, b.Section.Application)
		}
		r.begun, r.section = true, b.Section
		r.track.close()
	case block.KindInterface:
		r.track.interfaces = append(r.track.interfaces, b.Interface)
	case block.KindPacket:
		r.packets++
		r.leg, r.segment = r.track.packet(&b.Packet)
	}
	return b, nil
}

// ended is what the end of the blocks means.
func (r *Reader) ended(err error) error {
	var damage *block.FormatError
	switch {
	case r.source.torn, errors.Is(err, block.ErrTorn):
		err = block.ErrTorn
	case errors.Is(err, io.EOF) && r.begun:
		return io.EOF
	case errors.Is(err, io.EOF):
		err = block.ErrTorn // nothing was written yet
	case errors.As(err, &damage) && !r.begun:
		err = fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return fmt.Errorf("recording %s: %w", r.name, err)
}
