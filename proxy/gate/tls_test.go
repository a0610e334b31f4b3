package gate

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	sslRequest = "\x00\x00\x00\x08\x04\xd2\x16\x2f"
	gssRequest = "\x00\x00\x00\x08\x04\xd2\x16\x30"
	startup    = "\x00\x00\x00\x17\x00\x03\x00\x00user\x00postgres\x00\x00"
)

// talk feeds a gate that may answer itself, as a lane does.
func talk(t rapid.TB, g flow.Gate, pieces []string, eof bool) (passed, reply string, refused *flow.Verdict) {
	t.Helper()
	var held []byte
	done := false
	for i := range len(pieces) + 1 {
		last := i == len(pieces)
		if last && (!eof || done) {
			break
		}
		if !last {
			held = append(held, pieces[i]...)
		}
		if done {
			passed, held = passed+string(held), nil
			continue
		}
		a := g.Inspect(held, last)
		if a.Refuse != nil {
			return passed, reply, a.Refuse
		}
		if a.Take > len(held) || len(a.Reply) > flow.ReplyMax || !a.Done && a.Take+a.Pass > len(held) {
			t.Fatalf("of %d bytes held: %+v", len(held), a)
		}
		if a.Done {
			a.Pass, done = len(held)-a.Take, true
		}
		reply += string(a.Reply)
		passed += string(held[a.Take : a.Take+a.Pass])
		held = held[a.Take+a.Pass:]
	}
	if eof && len(held) > 0 {
		t.Fatalf("%q is held at the end", held)
	}
	return passed, reply, nil
}

func declining(t rapid.TB, protocol string, open bool) (flow.Gate, flow.Amend) {
	t.Helper()
	g, err := New(Config{Protocol: protocol, Service: "db", DeclineTLS: true, Open: open})
	if err != nil {
		t.Fatal(err)
	}
	return g.Session(front())
}

func TestPostgresDeclines(t *testing.T) {
	for name, c := range map[string]struct {
		said          string
		eof, open     bool
		passed, reply string
		refused       string
	}{
		"no request":               {said: startup, passed: startup},
		"SSL, then plain":          {said: sslRequest + startup, passed: startup, reply: "N"},
		"GSS, SSL, then plain":     {said: gssRequest + sslRequest + startup, passed: startup, reply: "NN", eof: true},
		"no door behind":           {said: sslRequest + "GET / HTTP/1.1\r\n", passed: "GET / HTTP/1.1\r\n", reply: "N", open: true},
		"a door behind":            {said: sslRequest + "GET / HTTP/1.1\r\n", reply: "N", refused: "HTTP"},
		"leaves at the N":          {said: sslRequest, eof: true, reply: "N", refused: "sslmode=prefer"},
		"leaves at the second":     {said: gssRequest + sslRequest, eof: true, reply: "NN", refused: "it requires TLS"},
		"leaves without a word":    {eof: true},
		"leaves within a request":  {said: sslRequest[:5], eof: true, passed: sslRequest[:5]},
		"asks again":               {said: sslRequest + sslRequest, reply: "N", refused: "asks for encryption again"},
		"TLS without asking":       {said: "\x16\x03\x01\x02\x00\x01", refused: "sslnegotiation=postgres"},
		"TLS although declined":    {said: sslRequest + "\x16\x03\x01", reply: "N", refused: "begins TLS"},
		"cancel after a decline":   {said: sslRequest + "\x00\x00\x00\x10\x04\xd2\x16\x2e12345678", reply: "N", passed: "\x00\x00\x00\x10\x04\xd2\x16\x2e12345678"},
		"a later 8 bytes is plain": {said: startup + sslRequest, passed: startup + sslRequest},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				g, amend := declining(rt, "postgres", c.open)
				if amend != nil {
					rt.Fatal("PostgreSQL's backend says nothing first")
				}
				passed, reply, refused := talk(rt, g, cut(rt, c.said), c.eof)
				if c.refused != "" {
					if refused == nil || !strings.Contains(refused.Reason, c.refused) || refused.Rule != "gate.postgres" {
						rt.Fatalf("refused with %+v", refused)
					}
					// What was answered before depends on how it was cut; nothing of a refused client may have passed.
					if passed != "" || !strings.HasPrefix(c.reply, reply) {
						rt.Fatalf("passed %q, replied %q", passed, reply)
					}
					return
				}
				if refused != nil || passed != c.passed || reply != c.reply {
					rt.Fatalf("passed %q, replied %q, refused %+v", passed, reply, refused)
				}
			})
		})
	}
}

// greeting is what a server of MySQL says first.
func greeting(protocol byte, version string, capabilities uint16) string {
	b := append([]byte{protocol}, version+"\x00\x2a\x00\x00\x00abcdefgh\x00"...)
	b = binary.LittleEndian.AppendUint16(b, capabilities)
	b = append(b, "\x08\x02\x00\xff\xc1\x15\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00ijklmnopqrst\x00mysql_native_password\x00"...)
	return string(binary.LittleEndian.AppendUint32(nil, uint32(len(b)))) + string(b)
}

func TestMySQLGreeting(t *testing.T) {
	errPacket := "\x17\x00\x00\x00\xff\x69\x04Host is not allowed\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
	for name, c := range map[string]struct{ said, want string }{
		"with TLS":        {greeting(10, "10.11.19-MariaDB", 0xfffe), greeting(10, "10.11.19-MariaDB", 0xf7fe)},
		"only TLS":        {greeting(10, "8.4.0", 0x0800), greeting(10, "8.4.0", 0)},
		"without":         {greeting(10, "8.4.0", 0xf7ff), greeting(10, "8.4.0", 0xf7ff)},
		"empty version":   {greeting(10, "", 0xffff), greeting(10, "", 0xf7ff)},
		"older protocol":  {greeting(9, "3.20", 0xffff), greeting(9, "3.20", 0xffff)},
		"an error":        {errPacket, errPacket},
		"a short packet":  {"\x03\x00\x00\x00\x0a1\x00" + strings.Repeat("\xff", 40), "\x03\x00\x00\x00\x0a1\x00" + strings.Repeat("\xff", 40)},
		"endless version": {"\xff\xff\xff\x00\x0a" + strings.Repeat("v", 5000), "\xff\xff\xff\x00\x0a" + strings.Repeat("v", 5000)},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				_, amend := declining(rt, "mysql", false)
				var got []byte
				done := false
				for _, piece := range cut(rt, c.said+"\xff\xff more") {
					b := []byte(piece)
					done = done || amend(b)
					got = append(got, b...)
				}
				if want := c.want + "\xff\xff more"; string(got) != want || !done {
					rt.Fatalf("got %q, want %q; done: %v", got, want, done)
				}
			})
		})
	}
}

func TestMySQLDeclines(t *testing.T) {
	login := "\x54\x00\x00\x01\x85\xa6\x3f\x20" + strings.Repeat("\x00", 80)
	begins := "\x20\x00\x00\x01\x85\xae\x3f\x20" + strings.Repeat("\x00", 28)
	for name, c := range map[string]struct {
		said         string
		ssl, eof     bool
		want, refuse string
	}{
		"logs in":                    {said: login, ssl: true, want: login},
		"a login of 32 bytes":        {said: "\x20\x00\x00\x01\x85\xa6" + login[6:], ssl: true, want: "\x20\x00\x00\x01\x85\xa6" + login[6:]},
		"begins TLS all the same":    {said: begins, ssl: true, refuse: "begins TLS"},
		"leaves without a word":      {ssl: true, eof: true, refuse: "skip-ssl"},
		"leaves, there was no TLS":   {eof: true},
		"leaves within its header":   {said: "\x20\x00", ssl: true, eof: true, want: "\x20\x00"},
		"HTTP is the next gate's":    {said: "GET / HTTP/1.1\r\n", ssl: true, refuse: "HTTP"},
		"one byte that is no header": {said: "\x20\x01", ssl: true, want: "\x20\x01"},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				g, amend := declining(rt, "mysql", false)
				capabilities := uint16(0xf7ff)
				if c.ssl {
					capabilities = 0xffff
				}
				if !amend(bytes.Clone([]byte(greeting(10, "8.4.0", capabilities)))) {
					rt.Fatal("the greeting is whole")
				}
				passed, reply, refused := talk(rt, g, cut(rt, c.said), c.eof)
				if reply != "" || passed != c.want {
					rt.Fatalf("passed %q, replied %q", passed, reply)
				}
				if (refused != nil) != (c.refuse != "") || refused != nil && !strings.Contains(refused.Reason, c.refuse) {
					rt.Fatalf("refused: %+v", refused)
				}
			})
		})
	}
}

// Protocols that have no way to decline are told so.
func TestDeclineNeedsProtocol(t *testing.T) {
	for _, protocol := range []string{"redis", "http", "auto", ""} {
		if g, err := New(Config{Protocol: protocol, Service: "db", DeclineTLS: true}); g != nil || err == nil ||
			!strings.Contains(err.Error(), "tls: decline is for the protocols postgres and mysql") {
			t.Errorf("%q: %v", protocol, err)
		}
	}
	var none *Guard
	if g, amend := none.Session(front()); g != nil || amend != nil {
		t.Errorf("no guard: %v", g)
	}
	if g, amend := guard(t, Config{Protocol: "mysql"}).Session(front()); g == nil || amend != nil {
		t.Errorf("no decline: %v", g)
	}
}
