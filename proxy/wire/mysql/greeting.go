package mysql

import (
	"bytes"
	"strings"
)

// greeting is the server's first packet ("Protocol::HandshakeV10").
type greeting struct {
	capabilities uint64
	mariadb      bool
	plugin       string
}

func readGreeting(head []byte) (g greeting, ok bool) {
	p := payload{b: head}
	p.take(1) // the protocol's number
	version := p.nul()
	p.take(4 + 8 + 1) // connection id, salt, filler
	g.capabilities = uint64(p.uint16())
	p.take(1 + 2) // character set, status
	if len(p.b) == 0 {
		return g, !p.bad
	}
	g.capabilities |= uint64(p.uint16()) << 16
	salt := int(p.uint8())
	p.take(6)
	more := p.uint32()
	if g.capabilities&capMySQL == 0 {
		g.capabilities |= uint64(more) << 32
	}
	ok = !p.bad
	if g.capabilities&capSecureConnection != 0 {
		p.take(uint64(max(13, salt-8)))
	}
	g.plugin = string(p.nul())
	g.mariadb = bytes.Contains(version, []byte("MariaDB")) || g.capabilities&capMySQL == 0
	return g, ok
}

// login is what a client logs in with ("Protocol::HandshakeResponse41"), or changes its user with.
type login struct {
	capabilities                  uint64
	user, db, plugin, application string
	multibyte                     bool // its character set hides backslashes
}

// sslRequestLength is the length of a login that is none: the client begins TLS behind it ("Protocol::SSLRequest").
const sslRequestLength = 32

func readLogin(head []byte, mariadb bool) (l login, ok bool) {
	p := payload{b: head}
	l.capabilities = uint64(p.uint32())
	p.take(4) // largest packet
	l.multibyte = hidesBackslash(p.uint8())
	p.take(19) // filler
	if more := p.uint32(); mariadb && l.capabilities&capMySQL == 0 {
		l.capabilities |= uint64(more) << 32
	}
	if p.bad || l.capabilities&capProtocol41 == 0 {
		return l, false
	}
	l.user = string(p.nul())
	switch {
	case l.capabilities&capAuthLenenc != 0:
		p.text()
	case l.capabilities&capSecureConnection != 0:
		p.take(uint64(p.uint8()))
	default:
		p.nul()
	}
	if l.capabilities&capConnectWithDB != 0 {
		l.db = string(p.nul())
	}
	l.readRest(&p)
	return l, true
}

// readChange reads what a change of the user says behind the command ("COM_CHANGE_USER").
func readChange(body []byte, capabilities uint64) login {
	p := payload{b: body}
	l := login{capabilities: capabilities, user: string(p.nul())}
	if capabilities&capSecureConnection != 0 {
		p.take(uint64(p.uint8()))
	} else {
		p.nul()
	}
	l.db = string(p.nul())
	l.multibyte = hidesBackslash(byte(p.uint16()))
	l.readRest(&p)
	return l
}

func (l *login) readRest(p *payload) {
	if l.capabilities&capPluginAuth != 0 {
		l.plugin = string(p.nul())
	}
	if l.capabilities&capConnectAttrs == 0 || len(p.b) == 0 {
		return
	}
	attributes := payload{b: p.b}
	if n := attributes.lenenc(); n < uint64(len(attributes.b)) {
		attributes.b = attributes.b[:n]
	}
	for len(attributes.b) > 0 {
		name, value := string(attributes.text()), attributes.text()
		if !attributes.bad && (name == "program_name" || name == "_client_name" && l.application == "") {
			l.application = strings.Clone(string(value))
		}
	}
}
