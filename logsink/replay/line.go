package replay

import (
	"errors"
	"net"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	readSize = 32 << 10
	// writes are how many pieces wait for a backend to take them, at most; the player waits then.
	writes = 16
	// reads are how many pieces that came wait for the player, at most.
	reads = 4
)

// news is what came of a connection: bytes, or its end.
type news struct {
	line *line
	at   time.Time
	data []byte
	err  error // of the end; io.EOF when the backend closed it in order
}

// line is a session's own connection. All but its two goroutines belongs to the player.
type line struct {
	track *track
	conn  net.Conn
	talk  Conversation
	out   chan []byte
	more  chan struct{} // the reader may read once for each
	owed  int           // of more, held back
	shut  bool          // nothing more is sent
	wrote chan struct{} // closed when what was to be sent has been
	over  bool          // nothing more comes
	why   error

	unanswered int // questions
	// need are the recorded answers that have been passed in the script, have those that came.
	need, have       uint64
	recorded, played []half    // answers whose others have not come
	size             int       // of played
	last             time.Time // of the last answer that was measured

	// late says that the player went on without this session's answer; todo are its steps since.
	late bool
	todo []*step
	gone bool // it is no longer played
}

// half is an answer and how long it took.
type half struct {
	x    *Exchange
	took time.Duration
}

// newLine has a connection's two goroutines run until it is closed.
func (p *Player) newLine(t *track, conn net.Conn, talk Conversation) *line {
	l := &line{
		track: t, conn: conn, talk: talk, out: make(chan []byte, writes), more: make(chan struct{}, reads), wrote: make(chan struct{}),
	}
	for range reads {
		l.more <- struct{}{}
	}
	p.wait.Go(func() { l.read(p.news, p.stop) })
	p.wait.Go(l.write)
	return l
}

// read tells what comes, and the end at last, while anybody wants to know.
func (l *line) read(to chan<- news, stop <-chan struct{}) {
	buf := make([]byte, readSize)
	for {
		select {
		case <-l.more:
		case <-stop:
			return
		}
		n, err := l.conn.Read(buf)
		now := time.Now()
		if n > 0 && !tell(to, stop, news{line: l, at: now, data: append([]byte(nil), buf[:n]...)}) {
			return
		}
		if err != nil {
			tell(to, stop, news{line: l, at: now, err: err})
			return
		}
	}
}

func tell(to chan<- news, stop <-chan struct{}, n news) bool {
	select {
	case to <- n:
		return true
	case <-stop:
		return false
	}
}

// write sends until nothing more will be sent. What cannot be sent is nothing to tell: the reader will say why.
func (l *line) write() {
	defer close(l.wrote)
	var failed error
	for b := range l.out {
		if failed == nil {
			_, failed = l.conn.Write(b)
		}
	}
	if half, ok := l.conn.(interface{ CloseWrite() error }); ok && failed == nil {
		_ = half.CloseWrite()
	}
}

// finish says that nothing more is sent.
func (l *line) finish() {
	if !l.shut {
		l.shut = true
		close(l.out)
	}
}

// allow has the reader go on, unless much waits for the recording already.
func (l *line) allow(n int) {
	l.owed += n
	for l.owed > 0 && (l.size <= ahead || l.gone) {
		l.owed--
		l.more <- struct{}{}
	}
}

// lineListener takes what comes on a line.
type lineListener struct {
	line   *line
	player *Player
}

func (lineListener) Ready()                          {}
func (lineListener) Send([]byte)                     {}
func (lineListener) Asked(*Exchange)                 {}
func (lineListener) Omitted(*Exchange, string)       {}
func (l lineListener) Unplayable(why string, _ bool) { l.line.why = errors.New(why) }

// Answered counts an answer and compares it when its recorded one has come.
func (l lineListener) Answered(x *Exchange) {
	ln, p := l.line, l.player
	ln.have++
	ln.unanswered--
	ln.played = append(ln.played, half{x, p.own(ln, x)})
	ln.size += x.Size
	if x.Fingerprint != 0 {
		ln.last = x.Answered
	}
	p.lastAnswer, p.lastLine = x.Answered, ln
	p.pair(ln)
}

// take takes news of a line.
func (p *Player) take(n *news) {
	l := n.line
	if l.over {
		l.allow(1)
		return
	}
	to := lineListener{l, p}
	err := n.err
	if err == nil {
		err = l.talk.Feed(flow.FromBackend, n.at, n.data, to)
		l.allow(1)
	}
	if err == nil {
		err = l.why
	}
	if err != nil {
		l.over = true
		if l.why == nil {
			l.why = err
		}
		l.talk.End(n.at, to)
	}
}
