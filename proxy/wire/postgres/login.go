package postgres

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// startup reads who logs in, and to what.
func (d *Decoder) startup(m message) error {
	for body := m.body; ; {
		name, rest, ok := cstring(body)
		if len(name) == 0 {
			break
		}
		value, rest, whole := cstring(rest)
		if !ok || !whole {
			return errors.New("a startup message with a parameter that has no end")
		}
		switch body = rest; string(name) {
		case "user":
			d.user = string(value)
		case "database":
			d.namespace = string(value)
		case "application_name":
			d.application = string(value)
		case "replication":
			d.replication = replicates(string(value))
		}
	}
	if d.namespace == "" {
		d.namespace = d.user // what the server does
	}
	d.ask(question{ask: askLogin, since: m.since, bytes: m.size})
	return nil
}

// replicates reads the parameter replication: a boolean as in SQL, or database.
func replicates(v string) bool {
	switch strings.ToLower(v) {
	case "", "0", "n", "no", "f", "false", "of", "off":
		return false
	}
	return true
}

// password reads an answer to the server's question who it is: of SASL's first one the mechanism.
func (d *Decoder) password(m message) {
	if d.auth == "sasl" {
		if name, _, ok := cstring(m.body); ok {
			d.auth = strings.ToLower(string(name))
		}
	}
	if q := d.questions.front(); q != nil && q.ask == askLogin {
		q.bytes += m.size
		q.asked = d.stream.now.Sub(q.since)
	}
}

// authentication reads what the server wants to know (Message Formats, Authentication…).
func (d *Decoder) authentication(body []byte) {
	if len(body) < 4 {
		return
	}
	switch binary.BigEndian.Uint32(body) {
	case pgproto3.AuthTypeOk:
		if d.auth == "" {
			d.auth = "trust"
		}
	case pgproto3.AuthTypeCleartextPassword:
		d.auth = "password"
	case pgproto3.AuthTypeMD5Password:
		d.auth = "md5"
	case pgproto3.AuthTypeGSS:
		d.auth = "gss"
	case pgproto3.AuthTypeSSPI:
		d.auth = "sspi"
	case pgproto3.AuthTypeSASL:
		d.auth = "sasl"
	}
}
