package mysql_test

import (
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// TestLiteralsStayPrivate: nothing that stands in a literal or a comment is told of a statement and of what became of it,
// however the session reads strings. In all of them secret is such a word.
func TestLiteralsStayPrivate(t *testing.T) {
	const noBackslashes = 0x200 // SERVER_STATUS_NO_BACKSLASH_ESCAPES
	gbk := strings.Replace(logsIn(usual), "\xff\x00", "\x1c\x00", 1)
	in := func(login string, status int, turns ...string) []piece {
		return conversation(append([]string{greets(usual), login, ok(2, 0, status)}, turns...)...)
	}
	done := ok(1, 0, 2)
	for name, c := range map[string]struct {
		pieces []piece
		want   string // the last operation, as a fingerprint
	}{
		"backslashes": {in(logsIn(usual), 2, packet(0, "\x03SELECT 'a\\', secret', b"), done), `SELECT "SELECT ?, b" rows=0`},
		"no backslashes": {in(logsIn(usual), noBackslashes, packet(0, "\x03SELECT 'a\\', b, 'secret'"), done),
			`SELECT "SELECT ?, b, ?" rows=0`},
		"no backslashes, later": {in(logsIn(usual), 2, packet(0, "\x03SET sql_mode=1"), ok(1, 0, noBackslashes),
			packet(0, "\x03SELECT 'a\\', b, 'secret'"), done), `SELECT "SELECT ?, b, ?" rows=0`},
		"characters with backslashes": {in(gbk, 2, packet(0, "\x03SELECT 'a\xbf\\', b, 'secret'"), done), `SELECT "" rows=0`},
		"none of these characters":    {in(gbk, 2, packet(0, "\x03SELECT 'secret'"), done), `SELECT "SELECT ?" rows=0`},
		"another user's characters": {in(logsIn(usual), 2, packet(0, "\x11bob\x00\x00shop\x00\x1c\x00"), done,
			packet(0, "\x03SELECT 'a\xbf\\', b, 'secret'"), done), `SELECT "" rows=0`},
		"a database and more":      {in(logsIn(usual), 2, packet(0, "\x03USE a; SELECT 'secret'"), ok(1, 0, 2)), `USE "USE a; SELECT ?" rows=0`},
		"a database and a comment": {in(logsIn(usual), 2, packet(0, "\x03/* secret */ USE a -- secret"), done), `USE "USE a" rows=0`},
		"a signal": {in(logsIn(usual), 2, packet(0, "\x03SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'secret'"),
			failed(1, 1644, "secret")), `SIGNAL "SIGNAL SQLSTATE ? SET MESSAGE_TEXT = ?" rows=-1 status=1644`},
		"a number": {in(logsIn(usual), 2, packet(0, "\x03SELECT 1"), failed(1, 1690, "value 4711 is out of range")),
			`SELECT "SELECT ?" rows=-1 status=1690 error=value ? is out of range`},
	} {
		t.Run(name, func(t *testing.T) {
			got := decode(c.pieces, flow.StatementsFingerprint)
			all := strings.Join(lines(got.ops), "\n")
			last := strings.Split(all, "\n")[len(got.ops)-1]
			last = strings.ReplaceAll(strings.TrimSuffix(last, " db=shop"), " transaction=idle", "")
			if got.err != nil || last != c.want || strings.Contains(all, "secret") {
				t.Errorf("%s\nwant the last one to be\n%s\n%v", all, c.want, got.err)
			}
			for _, o := range decode(c.pieces, flow.StatementsOff).ops {
				if o.Text != "" || o.Error != "" {
					t.Errorf("off: %s", line(o))
				}
			}
		})
	}
}

// TestMadeUpPasswordsRedacted: what a statement about passwords computes is one, or a value that tells one.
func TestMadeUpPasswordsRedacted(t *testing.T) {
	for statement, hidden := range map[string]bool{
		"CREATE USER bob IDENTIFIED BY RANDOM PASSWORD":             true,
		"SELECT concat(authentication_string) AS a FROM mysql.user": true,
		"SELECT concat(a) AS a FROM t":                              false,
	} {
		pieces := loggedIn(usual, packet(0, "\x03"+statement),
			packet(1, "\x01")+definition(2, "", "", "a", 0xfd)+eof(3, 2)+packet(4, str("generated"))+eof(5, 2))
		redacted, lost := redact(pieces, flow.Redaction{Authentication: true})
		if kept := strings.Contains(string(stream(redacted, flow.FromBackend)), "generated"); lost || kept == hidden {
			t.Errorf("%s: kept %t, lost %t", statement, kept, lost)
		}
	}
}
