package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

// recordedFile is a recording and what was found in it.
type recordedFile struct {
	recording.Info
	about    string // what its head says of it
	sessions []*recordedSession
	packets  uint64
	ended    time.Time // the last thing that was told
	locked   bool      // it is encrypted, and was not looked into
	torn     bool      // it ends before it is whole
}

// recordedSession is what a file has of a session.
type recordedSession struct {
	recording.Session
	file   *recordedFile
	legs   [2]legSums
	last   time.Time
	ending string
	// goesOn says that the file has not got its end. What of the end it has is in shut, by direction.
	goesOn bool
	shut   [2]bool
}

// goOn says whether the end of a session is in none of the parts that files have of it.
func goOn(parts []*recordedSession) bool {
	var shut [2]bool
	for _, s := range parts {
		for d := range shut {
			shut[d] = shut[d] || s.shut[d]
		}
	}
	return parts[len(parts)-1].goesOn && (!shut[0] || !shut[1])
}

// legSums are what moved on a leg, by direction.
type legSums struct {
	bytes, missing [2]uint64
	why            [2]map[string]uint64 // of missing
}

// sums are of the leg on which a direction was read: so a close record counts it.
func (s *recordedSession) sums(d flow.Direction) (bytes, missing uint64, why map[string]uint64) {
	l := &s.legs[recording.LegFront]
	if d == flow.FromBackend && s.Back.IsValid() {
		l = &s.legs[recording.LegBack]
	}
	return l.bytes[d], l.missing[d], l.why[d]
}

// catalogue reads recordings and lists what is in them. Its errors are ctx's.
func (w *whichRecordings) catalogue(ctx context.Context, found []recording.Info) ([]*recordedFile, error) {
	files := make([]*recordedFile, 0, len(found))
	for i := range found {
		f := &recordedFile{Info: found[i]}
		files = append(files, f)
		open := map[*recording.Session]*recordedSession{}
		o := w.keys
		o.Leg = recording.LegBoth
		err := f.read(ctx, o, func(e *recording.Event) error {
			if f.ended.IsZero() {
				f.Began = e.At // of an encrypted one only its name, and that in seconds, told before
			}
			f.ended = e.At
			f.take(e, open)
			return nil
		})
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, recording.ErrEncrypted) && w.identity == "":
			f.locked = true
		case err != nil:
			w.trouble(err)
		}
	}
	// A session that goes on in the next file is read on there.
	slices.SortStableFunc(files, func(a, b *recordedFile) int { return a.Began.Compare(b.Began) })
	return files, nil
}

// needKeys tells of the files that could not be looked into.
func (w *whichRecordings) needKeys(files []*recordedFile) {
	n := uint64(0)
	for _, f := range files {
		if f.locked {
			n++
		}
	}
	if n > 0 {
		w.trouble(fmt.Errorf("%s encrypted: --identity FILE gives the key that decrypts", isAre(n, "recording")))
	}
}

func isAre(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return plural(n, noun) + " are"
}

// take notes what an event tells.
func (f *recordedFile) take(e *recording.Event, open map[*recording.Session]*recordedSession) {
	s := open[e.Session]
	if s == nil {
		s = &recordedSession{file: f}
		open[e.Session] = s
		f.sessions = append(f.sessions, s)
	}
	s.last = e.At
	switch e.Kind {
	case recording.Data:
		s.legs[e.Leg].add(e)
	case recording.Shut, recording.Reset:
		s.ends(e)
	case recording.Ended:
		s.Session, s.goesOn = *e.Session, e.Unfinished
		delete(open, e.Session)
	}
}

func (l *legSums) add(e *recording.Event) {
	d := e.Direction
	l.bytes[d] += uint64(len(e.Payload)) + e.Missing
	l.missing[d] += e.Missing
	if e.Missing == 0 {
		return
	}
	if l.why[d] == nil {
		l.why[d] = map[string]uint64{}
	}
	l.why[d][e.Why] += e.Missing
}

// ends notes who ended a session, as the client's connection shows it.
func (s *recordedSession) ends(e *recording.Event) {
	s.shut[e.Direction] = true
	if e.Kind == recording.Reset {
		s.shut = [2]bool{true, true}
	}
	side := "client"
	if e.Direction == flow.FromBackend {
		side = "service"
	}
	switch {
	case e.Kind == recording.Reset && e.Leg == recording.LegBack && e.Direction == flow.FromBackend:
		s.ending = "reset by service"
	case e.Leg == recording.LegBack:
	case e.Kind == recording.Shut && s.ending == "":
		s.ending = side + " closed"
	case e.Kind == recording.Reset && side == "client":
		s.ending = "reset by client"
	case e.Kind == recording.Reset && s.ending != "reset by service":
		s.ending = "reset by lodoor"
	}
}

// read tells the events of a recording, and then notes how it ended. A recording that is being written ends where it is.
func (f *recordedFile) read(ctx context.Context, o recording.Options, tell func(*recording.Event) error) error {
	r, err := recording.Open(f.Path, o)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e, err := r.Next()
		if err != nil {
			f.packets, f.about = r.Packets(), r.Section().Comment
			return f.end(err)
		}
		if err := tell(&e); err != nil {
			return err
		}
	}
}

// end is what the end of a reading means.
func (f *recordedFile) end(err error) error {
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, block.ErrTorn):
		f.torn = true
		if f.Unfinished {
			return nil
		}
		return fmt.Errorf("%w; what is before that is read", err)
	}
	return err
}
