package replay

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

// How far a script is read ahead, at most.
const (
	aheadSteps = 4096
	aheadBytes = 8 << 20
)

// stepKind is what a step tells to do.
type stepKind uint8

const (
	stepReady  stepKind = iota + 1 // connect, log in
	stepSend                       // bytes of the client, and what they ask
	stepAnswer                     // a recorded answer is whole
	stepShut                       // the client said that it sends no more
	stepEnd                        // the session is over
	stepStop                       // nothing more of the session can be played
)

// step is one thing that happened in the recording, in the order in which it did.
type step struct {
	kind  stepKind
	track *track
	at    time.Time
	raw   []byte
	asked int       // how many questions of a send ended in it
	x     *Exchange // the answer
	took  time.Duration
	why   string
	quiet bool // of a stop: nothing is lost by it
	// order counts steps; answered is the order of the step with the last answer to a send's questions, and 0 while that has
	// not been read.
	order, answered uint64
	waits           int // questions whose answers have not been read
}

// script is the recording as steps.
type script struct {
	reader   *recording.Reader
	protocol Protocol
	tracks   map[*recording.Session]*track
	queue    []*step
	bytes    int
	orders   uint64
	omit     func(session, name, why string)
	torn     bool
	err      error // why there is nothing more
}

func newScript(r *recording.Reader, p Protocol, omit func(session, name, why string)) *script {
	return &script{reader: r, protocol: p, tracks: map[*recording.Session]*track{}, omit: omit}
}

// next is the next step; nil at the end.
func (s *script) next() (*step, error) {
	for len(s.queue) == 0 {
		if s.err != nil {
			return nil, s.failure()
		}
		s.read()
	}
	st := s.queue[0]
	s.queue[0] = nil
	s.queue = s.queue[1:]
	s.bytes -= st.size()
	return st, nil
}

// failure is what ended the script, nil for the recording's end.
func (s *script) failure() error {
	switch {
	case errors.Is(s.err, io.EOF):
		return nil
	case errors.Is(s.err, block.ErrTorn):
		s.torn = true
		return nil
	}
	return s.err
}

// resolve reads ahead until it is known when a send was answered, or as far as may be.
func (s *script) resolve(st *step) {
	for st.waits > 0 && s.err == nil && len(s.queue) < aheadSteps && s.bytes < aheadBytes {
		s.read()
	}
}

// read takes the recording's next event.
func (s *script) read() {
	e, err := s.reader.Next()
	if err != nil {
		s.err = err
		return
	}
	t := s.tracks[e.Session]
	switch e.Kind {
	case recording.Opened:
		t = &track{script: s, session: e.Session, talk: s.protocol.Recorded(e.Session)}
		s.tracks[e.Session] = t
		if e.Session.Late {
			t.at = e.At
			t.Unplayable("it began before the recording did", false)
		}
	case recording.Data:
		t.data(&e)
	case recording.Shut, recording.Reset:
		t.closed(&e)
	case recording.Ended:
		t.ended(&e)
		delete(s.tracks, e.Session)
	}
}

func (s *script) add(st *step) *step {
	s.orders++
	st.order = s.orders
	s.queue = append(s.queue, st)
	s.bytes += st.size()
	return st
}

func (st *step) size() int {
	n := len(st.raw) + len(st.why) + 128
	if st.x != nil {
		n += st.x.Size
	}
	return n
}

// track is a session as the recording has it. It listens to its conversation.
type track struct {
	script  *script
	session *recording.Session
	talk    Conversation
	at      time.Time // of the event in hand
	ready   bool
	said    bool // the client said something
	stopped bool
	send    *step   // what the event in hand sends
	open    []*step // sends with questions that are not answered, each once for a question
	last    time.Time
	line    *line // the player's
}

func (t *track) name() string { return t.session.Name() }

func (t *track) data(e *recording.Event) {
	if t.stopped {
		return
	}
	t.at, t.send = e.At, nil
	t.said = t.said || e.Direction == flow.FromClient
	if err := t.talk.Feed(e.Direction, e.At, e.Payload, t); err != nil {
		t.Unplayable(err.Error(), false)
	}
	t.flush()
	if e.Missing > 0 && !t.stopped {
		why := e.Why
		if why == "" {
			why = "not told"
		}
		t.Unplayable(fmt.Sprintf("%d bytes of it are not in the recording (%s)", e.Missing, why), false)
	}
}

// flush puts what the event in hand sends into the script.
func (t *track) flush() {
	if t.send != nil {
		t.script.add(t.send)
		t.send = nil
	}
}

// closed is the end of one direction.
func (t *track) closed(e *recording.Event) {
	if t.stopped || !t.ready || e.Direction != flow.FromClient {
		return
	}
	t.at = e.At
	if e.Kind == recording.Shut {
		t.script.add(&step{kind: stepShut, track: t, at: e.At})
	}
}

func (t *track) ended(e *recording.Event) {
	t.at = e.At
	if !t.stopped {
		t.talk.End(e.At, t)
		t.flush()
	}
	if !t.ready && !t.stopped {
		t.Unplayable(unready(t.said), !t.said)
	}
	if t.ready {
		t.script.add(&step{kind: stepEnd, track: t, at: e.At})
	}
}

func unready(said bool) string {
	if said {
		return "it ended before it had logged in"
	}
	return "the client said nothing"
}

// Ready implements Listener.
func (t *track) Ready() {
	if !t.ready {
		t.ready = true
		t.script.add(&step{kind: stepReady, track: t, at: t.at})
	}
}

// Send implements Listener.
func (t *track) Send(raw []byte) {
	if t.send == nil {
		t.send = &step{kind: stepSend, track: t, at: t.at}
	}
	t.send.raw = append(t.send.raw, raw...)
}

// Asked implements Listener.
func (t *track) Asked(*Exchange) {
	if t.send == nil {
		t.send = &step{kind: stepSend, track: t, at: t.at}
	}
	t.send.asked++
	t.send.waits++
	t.open = append(t.open, t.send)
}

// Answered implements Listener.
func (t *track) Answered(x *Exchange) {
	t.flush()
	from := x.Asked
	if t.last.After(from) {
		from = t.last
	}
	if x.Fingerprint != 0 {
		t.last = x.Answered
	}
	st := t.script.add(&step{kind: stepAnswer, track: t, at: t.at, x: x, took: max(0, x.Answered.Sub(from))})
	asked := t.open[0]
	t.open = t.open[1:]
	asked.waits--
	if asked.waits == 0 {
		asked.answered = st.order
	}
}

// Omitted implements Listener.
func (t *track) Omitted(x *Exchange, why string) { t.script.omit(t.name(), x.Name, why) }

// Unplayable implements Listener.
func (t *track) Unplayable(why string, harmless bool) {
	if t.stopped {
		return
	}
	t.flush()
	t.stopped = true
	t.script.add(&step{kind: stepStop, track: t, at: t.at, why: why, quiet: harmless})
}
