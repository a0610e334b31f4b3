package redis

import (
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/hello"
)

// judgedMax is how much of an argument or a name in an answer is looked at.
const judgedMax = 2 * nameMax

// Redactor overwrites the secrets of one connection in a recording. Lengths stay, and so do the headers of the protocol:
// what it leaves is read as before.
//
// With Authentication these are the passwords of AUTH, HELLO, MIGRATE, CONFIG SET, SENTINEL and MODULE, and those of ACL
// SETUSER with their hashes; in answers what CONFIG GET, ACL and SLOWLOG tell of them, what an error quotes of such a
// command, and what MONITOR shows of other clients. With Parameters all keys and values that a client sends, and what
// errors quote; commands about the connection and the server have none. With Rows all strings and numbers of answers to
// commands about data, and of errors all but the first word.
//
// A command that the server was told to know by another name (rename-command) is not recognised.
type Redactor struct {
	c      flow.Redaction
	lost   bool
	raw    bool // TLS or a replica's stream: nothing can be read
	hello  hello.Hello
	client lexer
	server lexer
	talk   talk
	asking requestCover
	answer answerCover
	reply  reply
}

// NewRedactor makes one for a new connection.
func NewRedactor(c flow.Redaction) *Redactor {
	r := &Redactor{c: c, talk: newTalk()}
	r.client = lexer{client: true, keep: judgedMax}
	r.server = lexer{keep: judgedMax}
	r.asking.judge = judge{authentication: c.Authentication, parameters: c.Parameters}
	r.answer.judge = r.asking.judge
	return r
}

// Redact overwrites what must not be kept of the next bytes of a direction. It says false when it does not know any more
// what they are; nothing more of the session may be kept then, b included.
func (r *Redactor) Redact(dir flow.Direction, b []byte) bool {
	if !r.lost && len(b) > 0 {
		r.lost = !r.redact(dir, b)
	}
	return !r.lost
}

// Skip tells n bytes of a direction that are not kept. It says false when what follows cannot be redacted.
func (r *Redactor) Skip(dir flow.Direction, n uint64) bool {
	if r.lost || r.raw {
		return !r.lost
	}
	l := &r.server
	if dir == flow.FromClient {
		l = &r.client
	}
	if r.lost = !l.skip(n); r.lost || n == 0 {
		return !r.lost
	}
	if dir == flow.FromClient {
		r.asking.gap()
	} else {
		r.answer.gap()
	}
	return true
}

// Answered tells that lodoor answered the client's last bytes itself. reply stays as it is.
func (r *Redactor) Answered(_ uint64, reply []byte) {
	r.Redact(flow.FromBackend, append([]byte(nil), reply...))
}

func (r *Redactor) redact(dir flow.Direction, b []byte) bool {
	for len(b) > 0 {
		if r.raw {
			return true
		}
		n, ok := 0, false
		if dir == flow.FromClient {
			n, ok = r.ask(b)
		} else {
			n, ok = r.tell(b)
		}
		if !ok {
			return false
		}
		b = b[n:]
	}
	return true
}

// ask reads what there is of a command.
func (r *Redactor) ask(b []byte) (n int, ok bool) {
	if r.client.between() {
		if taken, err := r.hello.Read(b[0]); taken || err != nil {
			r.raw = r.hello.Found()
			return 1, err == nil
		}
		r.asking.restart(&r.client)
	}
	n, whole, err := r.client.feed(b, &r.asking)
	j := &r.asking.judge
	if err != nil || !whole || j.args == 0 {
		return n, err == nil
	}
	a, _, err := r.talk.ask(&j.request)
	if err != nil {
		return n, false
	}
	r.talk.cover(a, j.verb, j.masksOf(r.c.Rows))
	r.silent()
	return n, true
}

// silent forgets the commands that nobody answers once they come first.
func (r *Redactor) silent() {
	for r.talk.silent() != nil {
		r.talk.pop()
	}
}

// tell reads what there is of an answer.
func (r *Redactor) tell(b []byte) (n int, ok bool) {
	if r.server.between() {
		h := r.talk.head()
		if h != nil && h.verb == verbSync && b[0] != '-' {
			r.raw = true
			return 0, !r.c.Parameters && !r.c.Rows
		}
		r.reply.reset()
		r.answer.masks, r.answer.subscription = 0, false
		if h != nil {
			r.answer.masks = h.masks
		}
		if r.c.Rows && (h == nil || b[0] == '>' || r.talk.total+r.talk.shard > 0 || r.talk.monitoring) {
			r.answer.masks |= maskValues
		}
	}
	n, whole, err := r.server.feed(b, (*answering)(r))
	if err != nil || !whole {
		return n, err == nil
	}
	return n, r.told()
}

// told goes on behind a whole answer.
func (r *Redactor) told() bool {
	m, err := r.talk.answer(&r.reply)
	if err != nil {
		return false
	}
	if m == answers {
		r.talk.effect(r.talk.head(), &r.reply)
		r.talk.pop()
		r.silent()
	}
	return true
}

// requestCover overwrites a command as it comes.
type requestCover struct {
	lexer *lexer
	judge judge
	cover cover
	count int // of words, -1 for an inline command
}

func (r *requestCover) restart(l *lexer) {
	r.lexer = l
	r.judge.restart()
}

func (r *requestCover) open(_ byte, n int64) { r.count = int(n) }

func (r *requestCover) begin(_ byte, n int64) {
	r.cover = cover{class: r.judge.class(r.count), size: n}
}

// gap says that bytes of the argument were not seen: where the secrets in what follows begin is not known.
func (r *requestCover) gap() {
	r.judge.missed()
	if r.cover.class != open {
		r.cover.class = hidden
	}
}

func (r *requestCover) part(b []byte) { r.cover.mask(b) }

func (r *requestCover) end() {
	if r.lexer.kind == '$' {
		r.judge.took(r.lexer.word)
	}
}

func (r *requestCover) shut() {}

// answering is a redactor that is told of an answer.
type answering Redactor

func (r *answering) open(_ byte, n int64) {
	r.answer.open(&r.server, n)
}

func (r *answering) begin(kind byte, n int64) {
	r.answer.begin(&r.server, kind, n, r.talk.monitoring)
}

func (r *answering) part(b []byte) { r.answer.part(&r.server, b) }

func (r *answering) end() {
	r.reply.value(&r.server)
	r.answer.end(&r.server)
}

func (r *answering) shut() {
	r.answer.named = false
	r.reply.whole(&r.server)
}
