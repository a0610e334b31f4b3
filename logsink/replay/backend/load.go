package backend

import (
	"errors"
	"fmt"
	"io"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire"
)

// defaultMemory is enough for the recordings of tests.
const defaultMemory flow.Size = 256 << 20

// messageMax is the longest message of a client or a service that is taken.
const messageMax = 64 << 20

// answerMax is the longest answer that is kept.
const answerMax = 64 << 20

var errLong = fmt.Errorf("an answer is longer than %s, which is more than is kept", flow.Size(answerMax).Human())

// Config is what answers, and how.
type Config struct {
	// Recording is read to its end. The caller closes it.
	Recording *recording.Reader
	// Name is what clients are told the recording is called.
	Name string
	// Protocol is what its clients spoke: postgres, redis or http; empty is found out.
	Protocol string
	// Memory is how many bytes the answers may take; 0 is 256 MiB.
	Memory flow.Size
	// Note is told what of the recording cannot be answered from, in words; session names come from the recording. nil
	// tells nobody.
	Note func(text string)
	// Missed is told each question that the recording has not got; text is as the client sent it, at most some hundred
	// bytes. It is called from many goroutines. nil tells nobody.
	Missed func(text string)
}

// protocol is what the recording's clients spoke.
type protocol interface {
	// cut begins to read a recorded session. What it finds it adds to s.
	cut(s *script) cutter
	// serve answers one client until it is done.
	serve(c *client) error
}

// cutter reads one recorded session. An error ends the session, and what came before it stays good.
type cutter interface {
	feed(d flow.Direction, b []byte) error
	// end says that nothing more comes.
	end() error
}

// loader reads a recording.
type loader struct {
	Config
	protocol protocol
	book     book
	reading  map[*recording.Session]*reading
	room     int64
	sessions int // that something is known of
}

// reading is a session that is being read.
type reading struct {
	script script
	cutter cutter
	first  []byte // of the client's bytes, while the protocol is not known
	over   bool
	charge int // of the script, so far
}

// load reads a recording to its end.
func load(c Config) (*loader, error) {
	l := &loader{Config: c, reading: map[*recording.Session]*reading{}}
	if l.Note == nil {
		l.Note = func(string) {}
	}
	if l.Memory <= 0 {
		l.Memory = defaultMemory
	}
	if l.Protocol != "" {
		if l.protocol = newProtocol(l.Protocol, c.Name); l.protocol == nil {
			return nil, fmt.Errorf("a recording of %q cannot answer: expected postgres, redis or http", l.Protocol)
		}
	}
	for {
		e, err := c.Recording.Next()
		switch {
		case errors.Is(err, io.EOF):
			return l, l.whole()
		case errors.Is(err, block.ErrTorn):
			l.Note("the recording ends in the middle: it is still being written, or was left by a crash")
			l.finishAll()
			return l, l.whole()
		case err != nil:
			return nil, err
		}
		if err := l.event(&e); err != nil {
			return nil, err
		}
	}
}

// whole says whether there is anything to answer with.
func (l *loader) whole() error {
	switch {
	case l.protocol == nil:
		return errors.New("the recording has no session of PostgreSQL, Redis or HTTP/1.1 that can be read")
	case len(l.book.pages) == 0:
		return fmt.Errorf("the recording has no question of %s with an answer to it", l.Protocol)
	}
	return nil
}

func (l *loader) event(e *recording.Event) error {
	r := l.reading[e.Session]
	switch e.Kind {
	case recording.Opened:
		l.reading[e.Session] = l.open(e.Session)
	case recording.Data:
		if r == nil || r.over {
			return nil
		}
		if len(e.Payload) > 0 {
			l.data(r, e)
		}
		if e.Missing > 0 && !r.over {
			l.stop(r, e.Session, fmt.Errorf("%d bytes are not in the recording%s", e.Missing, because(e.Why)))
		}
		return l.count(r)
	case recording.Ended:
		l.finish(e.Session)
	}
	return nil
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

func (l *loader) open(s *recording.Session) *reading {
	r := &reading{}
	if s.Late {
		l.stop(r, s, errors.New("it had begun before the recording did"))
	}
	return r
}

// stop ends the reading of a session.
func (l *loader) stop(r *reading, s *recording.Session, err error) {
	r.over = true
	l.Note(fmt.Sprintf("session %s, behind %d of its questions: %v", s.Name(), len(r.script.takes), err))
}

func (l *loader) data(r *reading, e *recording.Event) {
	b := e.Payload
	if r.cutter == nil {
		if e.Direction == flow.FromBackend {
			l.stop(r, e.Session, errors.New("the service spoke first: expected postgres, redis or http"))
			return
		}
		r.first = append(r.first, b...)
		if b = r.first; !l.recognise(r, e.Session) {
			return
		}
		r.first = nil
	}
	if err := r.cutter.feed(e.Direction, b); err != nil {
		l.stop(r, e.Session, err)
	}
}

// recognise finds out what the client speaks, and says whether the session can be read by now.
func (l *loader) recognise(r *reading, s *recording.Session) bool {
	word := wire.Recognise(r.first)
	switch {
	case word == "":
		return false
	case l.protocol == nil:
		if l.protocol = newProtocol(word, l.Name); l.protocol == nil {
			l.stop(r, s, fmt.Errorf("its client speaks %s: expected postgres, redis or http", word))
			return false
		}
		l.Protocol = word
	case word != l.Protocol && word != "unknown":
		l.stop(r, s, fmt.Errorf("its client speaks %s, and the recording answers as %s", word, l.Protocol))
		return false
	}
	r.cutter = l.protocol.cut(&r.script)
	return true
}

// count holds what was kept against the memory that may be used.
func (l *loader) count(r *reading) error {
	for ; r.charge < len(r.script.takes); r.charge++ {
		l.room += int64(r.script.takes[r.charge].size())
	}
	if l.room > int64(l.Memory) {
		return fmt.Errorf("the answers of the recording take more than %s of memory: expected less; 'lodoor record export' "+
			"makes a recording of some of its sessions", l.Memory.Human())
	}
	return nil
}

func (l *loader) finish(s *recording.Session) {
	r := l.reading[s]
	delete(l.reading, s)
	if r == nil {
		return
	}
	if r.cutter != nil && !r.over {
		if err := r.cutter.end(); err != nil {
			l.stop(r, s, err)
		}
	}
	if len(r.script.takes) > 0 || r.script.who != "" {
		l.sessions++
		l.book.write(&r.script)
	}
}

func (l *loader) finishAll() {
	for s := range l.reading {
		l.finish(s)
	}
}

func newProtocol(name, recording string) protocol {
	switch name {
	case "postgres":
		return &postgresProtocol{recording: recording}
	case "redis":
		return &redisProtocol{recording: recording}
	case "http":
		return &httpProtocol{recording: recording}
	}
	return nil
}
