package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/postgres"
)

func TestSplitterTellsWhatMessagesAre(t *testing.T) {
	pieces := append([]piece{client(&pgproto3.SSLRequest{}), bare(flow.FromBackend, "N")}, loggedIn(client(query("select 1")))...)
	for _, pieces := range [][]piece{pieces, bytewise(pieces)} {
		s := postgres.NewSplitter(1000)
		var got []string
		for _, p := range pieces {
			err := s.Split(p.dir, []byte(p.bytes), func(m postgres.Message) error {
				word := string(rune(m.Type))
				switch {
				case m.Startup:
					word = "startup"
				case m.Bare:
					word = string(m.Raw)
				case m.Type == 'Q':
					var q pgproto3.Query
					if err := q.Decode(m.Body); err != nil {
						return err
					}
					word = q.String
				}
				got = append(got, word)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if s := strings.Join(got, " "); s != "startup N startup R S K Z select 1" {
			t.Errorf("%s", s)
		}
	}
}

func TestSplitterFails(t *testing.T) {
	s := postgres.NewSplitter(100)
	login := client(startup("user", "u"))
	enough := errors.New("enough")
	if err := s.Split(login.dir, []byte(login.bytes), func(postgres.Message) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("%v", err)
	}
	s = postgres.NewSplitter(100)
	_ = s.Split(login.dir, []byte(login.bytes), func(postgres.Message) error { return nil })
	err := s.Split(flow.FromClient, []byte(client(query(strings.Repeat("x", 100))).bytes), func(postgres.Message) error { return nil })
	if err == nil || err.Error() != "message 2 from the client: it is 106 bytes long: expected at most 100" {
		t.Errorf("%v", err)
	}
	s = postgres.NewSplitter(100)
	tls := bare(flow.FromClient, "\x16\x03\x01")
	if err := s.Split(tls.dir, []byte(tls.bytes), nil); err != nil || !s.Encrypted() {
		t.Errorf("%v, encrypted %v", err, s.Encrypted())
	}
}
