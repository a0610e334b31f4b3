package replay

import (
	"bytes"
	"fmt"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/postgres"
	"github.com/lodoor/lodoor/proxy/wire/sql"
)

const (
	// pgMessageMax is the longest message that is played, pgNameMax how much of a statement is told, and pgStatements how
	// many prepared statements of a session are known.
	pgMessageMax = 64 << 20
	pgNameMax    = 300
	pgStatements = 1 << 16
)

// pgConversation follows a session with PostgreSQL. Each message of the client that is answered is a question of its own:
// Query, FunctionCall, Parse, Bind, Describe, Execute, Close and Sync.
type pgConversation struct {
	cut      *postgres.Splitter
	words    pgWords
	played   bool
	redacted flow.Redaction
	redactor *postgres.Redactor // of a played session: what it says is made alike
	startup  map[string]string
	ready    bool
	stopped  bool

	pending    []*pgQuestion
	skipping   bool // the backend passes over all until Sync
	statements map[string]*pgStatement
	portals    map[string]*pgStatement
	zone       string

	at time.Time
	to Listener
}

// pgQuestion is a message of the client that has not been answered.
type pgQuestion struct {
	kind    byte
	x       *Exchange
	answer  *pgAnswer
	about   *pgStatement
	omitted bool
}

// pgStatement is what is known of a statement or a portal.
type pgStatement struct {
	name        string
	fingerprint uint64
	reason      string // the rule by which its values may differ
	secret      bool
	columns     *pgColumns
}

func newPgRecorded(r flow.Redaction) *pgConversation {
	return &pgConversation{
		cut: postgres.NewSplitter(pgMessageMax), words: newPgWords(), redacted: r,
		statements: map[string]*pgStatement{}, portals: map[string]*pgStatement{},
	}
}

// newPgPlayed is of a connection that has logged in already.
func newPgPlayed(r flow.Redaction) (*pgConversation, error) {
	c := newPgRecorded(r)
	c.played = true
	if r != (flow.Redaction{}) {
		c.redactor = postgres.NewRedactor(r)
	}
	login := []struct {
		d flow.Direction
		b []byte
	}{
		{flow.FromClient, []byte{0, 0, 0, 9, 0, 3, 0, 0, 0}},
		{flow.FromBackend, []byte{'R', 0, 0, 0, 8, 0, 0, 0, 0, 'Z', 0, 0, 0, 5, 'I'}},
	}
	for _, m := range login {
		if err := c.Feed(m.d, time.Time{}, m.b, nobody{}); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// nobody is told a login that was made already.
type nobody struct{}

func (nobody) Ready()                    {}
func (nobody) Send([]byte)               {}
func (nobody) Asked(*Exchange)           {}
func (nobody) Answered(*Exchange)        {}
func (nobody) Omitted(*Exchange, string) {}
func (nobody) Unplayable(string, bool)   {}

// Feed implements Conversation.
func (c *pgConversation) Feed(d flow.Direction, at time.Time, b []byte, to Listener) error {
	if c.stopped {
		return nil
	}
	c.at, c.to = at, to
	if c.redactor != nil {
		b = bytes.Clone(b)
		if !c.redactor.Redact(d, b) {
			return fmt.Errorf("what comes cannot be made like the recording, in which secrets were overwritten")
		}
	}
	err := c.cut.Split(d, b, c.message)
	if c.cut.Encrypted() {
		c.stop("it is encrypted: record with --tls decline, or on a connection without TLS", false)
	}
	return err
}

// End implements Conversation.
func (c *pgConversation) End(at time.Time, to Listener) { c.at, c.to = at, to }

func (c *pgConversation) stop(why string, harmless bool) {
	if !c.stopped {
		c.stopped = true
		c.to.Unplayable(why, harmless)
	}
}

func (c *pgConversation) message(m postgres.Message) error {
	switch {
	case c.stopped:
	case m.Startup:
		c.begin(m.Body)
	case m.Bare:
	case !c.ready:
		c.login(&m)
	case m.Direction == flow.FromClient:
		c.ask(&m)
	default:
		c.hear(&m)
	}
	return nil
}

// begin takes a message before the session.
func (c *pgConversation) begin(body []byte) {
	r := pgReader{b: body}
	switch code := r.uint32(); {
	case code == 80877102:
		c.stop("it is a request to cancel another session's question", true)
	case code>>16 == 3:
		c.startup = map[string]string{}
		for name := r.text(); name != ""; name = r.text() {
			c.startup[name] = r.text()
		}
		if v := c.startup["replication"]; v != "" && v != "false" && v != "off" && v != "0" && v != "no" {
			c.stop("it is a replication connection", false)
		}
		if c.redacted.Parameters && !c.played {
			c.stop("the values in its statements were overwritten when it was recorded (redact: parameters)", false)
		}
	}
}

// login takes a message of the login.
func (c *pgConversation) login(m *postgres.Message) {
	switch {
	case m.Direction == flow.FromClient:
	case m.Type == 'S':
		c.parameter(m.Body)
	case m.Type == 'E':
		c.stop("it was not let in when it was recorded: "+pgShowError(m.Body), true)
	case m.Type == 'Z':
		c.ready = true
		c.to.Ready()
	}
}

func (c *pgConversation) parameter(body []byte) {
	r := pgReader{b: body}
	if r.text() == "TimeZone" {
		c.zone = r.text()
	}
}

// statement is what a statement is.
func (c *pgConversation) statement(text []byte) *pgStatement {
	s := sql.Analyse(text, sql.PostgreSQL, sql.Fingerprint, flow.OperationTextMax)
	return &pgStatement{
		name: cutText(s.Text, pgNameMax), fingerprint: s.Fingerprint, reason: c.words.reason(s.Text),
		secret: s.Secret && c.redacted.Authentication,
	}
}

func cutText(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
