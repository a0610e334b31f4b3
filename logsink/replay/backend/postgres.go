package backend

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/lodoor/lodoor/proxy/wire/postgres"
)

// postgresProtocol is PostgreSQL's. A question is a Query, a FunctionCall, or one message of the extended protocol, so that it
// does not matter how a client puts these together. Names of statements and portals are no part of a question, and neither
// are the types that a client names for parameters: some name them only once they have asked for them.
type postgresProtocol struct {
	recording string
	greetings []pgGreeting
}

// pgGreeting is what a server said to a client that came in.
type pgGreeting struct {
	who     string
	raw     []byte // the messages ParameterStatus and BackendKeyData
	refusal []byte // or an error instead
}

// pgWho is for whom a session is: the user and the database, which is called like the user when none is named.
func pgWho(settings map[string]string) string {
	user, database := settings["user"], settings["database"]
	if database == "" {
		database = user
	}
	return user + "\x00" + database
}

// pgSettings reads the body of a startup message.
func pgSettings(body []byte) map[string]string {
	settings := map[string]string{}
	rest := body[min(4, len(body)):]
	for {
		name, behind, ok := bytes.Cut(rest, []byte{0})
		if !ok || len(name) == 0 {
			return settings
		}
		var value []byte
		value, rest, _ = bytes.Cut(behind, []byte{0})
		settings[string(name)] = string(value)
	}
}

// pgQuestion is a message that is answered.
type pgQuestion struct {
	kind  byte // the message's type
	key   key
	quiet bool
	text  []byte // of the statement
	about byte   // of Describe and Close: S or P
}

// pgNames are a session's prepared statements and portals. What a question is about is known by what they stand for.
type pgNames struct {
	statements map[string][]byte // their texts
	portals    map[string]pgPortal
}

type pgPortal struct {
	key  key // of the Bind
	text []byte
}

func newPgNames() pgNames {
	return pgNames{statements: map[string][]byte{}, portals: map[string]pgPortal{}}
}

// question says what a message asks; m is valid during the call only, what is returned stays.
func (n *pgNames) question(m *postgres.Message) (pgQuestion, error) {
	q := pgQuestion{kind: m.Type}
	ok := true
	switch m.Type {
	case 'Q':
		q.text = bytes.Clone(bytes.TrimSuffix(m.Body, []byte{0}))
		q.key = keyOf('Q', q.text)
	case 'F':
		q.text, q.key = []byte("a function call"), keyOf('F', m.Body)
	case 'P':
		ok = n.parse(m.Body, &q)
	case 'B':
		ok = n.bind(m.Body, &q)
	case 'D', 'C':
		ok = n.describe(m.Body, &q)
	case 'E':
		var name, most []byte
		name, most, ok = bytes.Cut(m.Body, []byte{0})
		p := n.portals[string(name)]
		q.text, q.key = p.text, keyOf('E', p.key[:], most)
	}
	if !ok {
		return q, fmt.Errorf("a message of type %c ends too early", m.Type)
	}
	return q, nil
}

func (n *pgNames) parse(body []byte, q *pgQuestion) bool {
	name, rest, ok := bytes.Cut(body, []byte{0})
	text, _, ok2 := bytes.Cut(rest, []byte{0})
	q.text, q.quiet, q.key = bytes.Clone(text), true, keyOf('P', text)
	n.statements[string(name)] = q.text
	return ok && ok2
}

func (n *pgNames) bind(body []byte, q *pgQuestion) bool {
	portal, rest, ok := bytes.Cut(body, []byte{0})
	name, values, ok2 := bytes.Cut(rest, []byte{0})
	q.text = n.statements[string(name)]
	q.key = keyOf('B', q.text, values)
	n.portals[string(portal)] = pgPortal{q.key, q.text}
	return ok && ok2
}

// describe reads Describe and Close: S or P, and a name.
func (n *pgNames) describe(body []byte, q *pgQuestion) bool {
	if len(body) < 2 {
		return false
	}
	q.quiet, q.about = true, body[0]
	name := string(bytes.TrimSuffix(body[1:], []byte{0}))
	p := n.portals[name]
	switch {
	case q.kind == 'C' && body[0] == 'S':
		delete(n.statements, name)
	case q.kind == 'C':
		delete(n.portals, name)
	case body[0] == 'S':
		q.text = n.statements[name]
		q.key = keyOf('D', q.text)
	default:
		q.text, q.key = p.text, keyOf('d', p.key[:])
	}
	return true
}

// replicates says whether a client comes to replicate.
func replicates(settings map[string]string) bool {
	switch settings["replication"] {
	case "", "false", "off", "no", "0":
		return false
	}
	return true
}

var errReplication = errors.New("it is a session of replication, which cannot be answered")
