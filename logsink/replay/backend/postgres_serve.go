package backend

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/postgres"
)

// pgClient is a client that is answered.
type pgClient struct {
	*client
	protocol *postgresProtocol
	names    pgNames
	state    byte // as ReadyForQuery tells it
	skipping bool // up to the next Sync
	broken   bool // the transaction failed by a question that was not in the recording
	copying  *pgQuestion
	sending  pgCopy
}

func (p *postgresProtocol) serve(c *client) error {
	s := &pgClient{client: c, protocol: p, names: newPgNames(), state: 'I'}
	in := postgres.NewSplitter(messageMax)
	return c.pump(func(b []byte) error {
		err := in.Split(flow.FromClient, b, s.message)
		if err == nil && in.Encrypted() {
			err = errors.New("the client encrypts without asking")
		}
		if err != nil && !errors.Is(err, errDone) {
			s.fatal("08P01", err.Error())
		}
		return err
	})
}

func (s *pgClient) message(m postgres.Message) error {
	switch {
	case m.Startup:
		return s.startup(&m)
	case s.copying != nil:
		return s.copyIn(&m)
	case m.Type == 'S':
		s.skipping = false
		s.ready()
		return nil
	case s.skipping && m.Type != 'X' && m.Type != 'Q' && m.Type != 'F':
		_, err := s.names.question(&m) // a statement that is not prepared has an error, too
		return err
	}
	switch m.Type {
	case 'X':
		return errDone
	case 'p', 'H', 'd', 'c', 'f': // what is written goes when nothing more has come; what is left of a COPY that failed
		return nil
	}
	q, err := s.names.question(&m)
	if err != nil {
		return err
	}
	return s.asked(&q)
}

// startup answers the messages before a session. A wish to cancel has no effect, since no answer takes time.
func (s *pgClient) startup(m *postgres.Message) error {
	const encryptSSL, encryptGSS = 80877103, 80877104
	code := binary.BigEndian.Uint32(m.Body)
	switch {
	case code == encryptSSL || code == encryptGSS:
		return s.out.WriteByte('N')
	case code>>16 != 3:
		return errDone
	}
	settings := pgSettings(m.Body)
	if replicates(settings) {
		return errReplication
	}
	s.who = pgWho(settings)
	if err := s.negotiate(code, settings); err != nil {
		return err
	}
	g := s.protocol.greeting(s.who)
	if g.refusal != nil {
		_, _ = s.out.Write(g.refusal)
		return errDone
	}
	s.write(&pgproto3.AuthenticationOk{})
	_, _ = s.out.Write(g.raw)
	s.ready()
	return nil
}

// negotiate tells a client of a later version that this is 3.0.
func (s *pgClient) negotiate(code uint32, settings map[string]string) error {
	var unknown []string
	for name := range settings {
		if strings.HasPrefix(name, "_pq_.") {
			unknown = append(unknown, name)
		}
	}
	const version = 3 << 16
	if code == version && unknown == nil {
		return nil
	}
	slices.Sort(unknown)
	body := binary.BigEndian.AppendUint32(nil, version)
	body = binary.BigEndian.AppendUint32(body, uint32(len(unknown)))
	for _, name := range unknown {
		body = append(append(body, name...), 0)
	}
	head := binary.BigEndian.AppendUint32([]byte{'v'}, uint32(len(body)+4))
	_, err := s.out.Write(append(head, body...))
	return err
}

// greeting is what a client is told that comes in: what one was told with the same user and database, or else anybody.
// A refusal holds only for those whom nothing else was ever told.
func (p *postgresProtocol) greeting(who string) pgGreeting {
	best, found := pgGreeting{}, 0
	for _, g := range p.greetings {
		worth := 1
		switch {
		case g.who == who && g.refusal == nil:
			worth = 3
		case g.who == who:
			worth = 2
		case g.refusal != nil:
			continue
		}
		if worth > found {
			best, found = g, worth
		}
	}
	return best
}

func (s *pgClient) asked(q *pgQuestion) error {
	if q.kind == 'C' {
		s.write(&pgproto3.CloseComplete{})
		return nil
	}
	t := s.answerTo(q)
	switch {
	case t == nil && s.broken && s.state == 'E' && endsTransaction(q.text):
		s.rollBack(q)
		return nil
	case t == nil:
		s.unknown(q, "")
		return nil
	}
	_, _ = s.out.Write(t.answer)
	if t.copied {
		s.copying, s.sending = q, newPgCopy()
		return nil
	}
	return s.answered(t)
}

func (s *pgClient) answerTo(q *pgQuestion) *take {
	if q.quiet {
		return s.peek(q.key)
	}
	if t := s.look(q.key); t == nil || t.copied {
		return t
	}
	return s.next(q.key)
}

// answered goes on behind an answer.
func (s *pgClient) answered(t *take) error {
	if t.closes {
		return errDone
	}
	s.skipping = t.failed
	if t.state != 0 {
		s.state, s.broken = t.state, false
	}
	return nil
}

// copyIn takes the data of a COPY. The answer to them is known when they are: it is of the same data.
func (s *pgClient) copyIn(m *postgres.Message) error {
	switch m.Type {
	case 'X':
		return errDone
	case 'd', 'c', 'f':
		s.sending.add(m)
	default: // Sync and Flush are passed over
		return nil
	}
	if s.sending.over == 0 {
		return nil
	}
	q := s.copying
	s.copying = nil
	t := s.next(s.sending.key(q.key))
	switch {
	case t != nil:
		_, _ = s.out.Write(t.then)
		return s.answered(t)
	case s.sending.over == 'f':
		s.failed(q.kind, &pgproto3.ErrorResponse{Code: "57014", Message: "COPY from stdin failed"})
		return nil
	}
	s.unknown(q, " with these data")
	return nil
}

func (s *pgClient) ready() { s.write(&pgproto3.ReadyForQuery{TxStatus: s.state}) }

// write writes a message of ours. What it would fail with, so does the flush behind it.
func (s *pgClient) write(m pgproto3.BackendMessage) {
	b, _ := m.Encode(nil)
	_, _ = s.out.Write(b)
}
