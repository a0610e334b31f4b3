package mysql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Values of the binary protocol are overwritten where they stand: what says how long they are, which are NULL and of
// which types they are stays, so that who reads the recording finds them. Where it is not known, all is overwritten.
func TestValuesRedacted(t *testing.T) {
	prepare := func() (asked, answered string) {
		answered = packet(1, "\x00"+u32(7)+u16(0)+u16(3)+"\x00"+u16(0))
		for i := range 3 {
			answered += definition(byte(2+i), "", "", "?", 0xfd)
		}
		return packet(0, "\x16INSERT INTO t VALUES (?, ?, ?)"), answered + eof(5, 2)
	}
	asked, answered := prepare()
	types := "\x08\x00\xfd\x00\x0c\x00" // LONGLONG, VAR_STRING, DATETIME
	first := "\x17" + u32(7) + "\x00" + u32(1) + "\x00\x01" + types + "SECRET-8\x06SECRET\x04SECR"
	for name, c := range map[string]struct {
		capabilities uint32
		said         []string // behind the preparation, the client's first
		want         []string
	}{
		"types with it": {usual, []string{first}, []string{strings.NewReplacer("SECRET-8", "xxxxxxxx", "SECRET", "xxxxxx", "SECR", "xxxx").Replace(first)}},
		"types from before": {usual, []string{first, "\x17" + u32(7) + "\x00" + u32(1) + "\x02\x00" + "SECRET-8\x04SECR"},
			[]string{"", "\x17" + u32(7) + "\x00" + u32(1) + "\x02\x00" + "xxxxxxxx\x04xxxx"}},
		"types not known": {usual, []string{"\x17" + u32(7) + "\x00" + u32(1) + "\x02\x00" + "SECRET-8\x04SECR"},
			[]string{"\x17" + u32(7) + "\x00" + u32(1) + "\x02\x00" + "xxxxxxxxxxxxx"}},
		"a value sent ahead": {usual, []string{"\x18" + u32(7) + u16(1) + "SECRET", "\x17" + u32(7) + "\x00" + u32(1) + "\x00\x01" + types + "SECRET-8\x04SECR"},
			[]string{"\x18" + u32(7) + u16(1) + "xxxxxx", "\x17" + u32(7) + "\x00" + u32(1) + strings.Repeat("x", 2+6+13)}},
		"another statement": {usual, []string{strings.Replace(first, u32(7), u32(8), 1)},
			[]string{"\x17" + u32(8) + "\x00" + u32(1) + strings.Repeat("x", len(first)-10)}},
		"named": {usual | attributes, []string{"\x17" + u32(7) + "\x08" + u32(1) + "\x02\x02\x01" + "\x03\x00\x01a\xfd\x00\x02bc" + "\x06SECRET"},
			[]string{"\x17" + u32(7) + "\x08" + u32(1) + "\x02\x02\x01" + "\x03\x00\x01a\xfd\x00\x02bc" + "xxxxxxx"}},
		"attributes": {usual | attributes, []string{"\x03\x01\x01\x00\x01\xfd\x00\x01a\x06SECRETSELECT 'SECRET'"},
			[]string{"\x03\x01\x01\x00\x01\xfd\x00\x01a\x06xxxxxxSELECT 'xxxxxx'"}},
		"bulk": {usual, []string{"\xfa" + u32(7) + "\x80\x00" + types + "\x00SECRET-8\x00\x06SECRET\x00\x04SECR" + "\x01\x00\x06SECRET\x03"},
			[]string{"\xfa" + u32(7) + "\x80\x00" + types + "\x00xxxxxxxx\x00\x06xxxxxx\x00\x04xxxx" + "\x01\x00\x06xxxxxx\x03"}},
	} {
		if name == "named" { // the first is NULL no more: bit 0 of the bitmap is that of a
			c.said[0] = strings.Replace(c.said[0], "\x02\x02\x01", "\x02\x01\x01", 1)
			c.want[0] = strings.NewReplacer("\x02\x02\x01", "\x02\x01\x01", "xxxxxxx", "\x06xxxxxx").Replace(c.want[0])
		}
		t.Run(name, func(t *testing.T) {
			turns := []string{asked, answered}
			var want strings.Builder
			for i, s := range c.said {
				reply := ok(1, 0, 2)
				if s[0] == 0x18 {
					reply = ""
				}
				turns = append(turns, packet(0, s), reply)
				if c.want[i] != "" {
					want.WriteString(packet(0, c.want[i]))
				}
			}
			pieces := loggedIn(c.capabilities, turns...)
			for _, n := range []int{1, 1000} {
				redacted, lost := redact(cutEvery(pieces, n), flow.Redaction{Parameters: true})
				if got := string(stream(redacted, flow.FromClient)); lost || !strings.HasSuffix(got, want.String()) {
					t.Errorf("cut at %d: lost %v\n%q\nwant\n%q", n, lost, got[max(0, len(got)-want.Len()):], want.String())
				}
			}
			holds(t, pieces)
		})
	}
}

func TestRowsRedacted(t *testing.T) {
	columns := definition(2, "shop", "t", "a", 0x03) + definition(3, "shop", "t", "b", 0xfd) + definition(4, "shop", "t", "c", 0x0b)
	for name, c := range map[string]struct{ command, row, want string }{
		"text":   {"\x03SELECT 1", "\x02SE\xfb\x06SECRET", "\x02xx\xfb\x06xxxxxx"},
		"binary": {"\x17" + u32(7) + "\x00" + u32(1), "\x00\x00SECR\x06SECRET\x00", "\x00\x00xxxx\x06xxxxxx\x00"},
		"NULL":   {"\x17" + u32(7) + "\x00" + u32(1), "\x00\x08SECR\x04SECR", "\x00\x08xxxx\x04xxxx"},
	} {
		t.Run(name, func(t *testing.T) {
			pieces := loggedIn(usual, packet(0, c.command), packet(1, "\x03")+columns+eof(5, 2)+packet(6, c.row)+eof(7, 2))
			redacted, lost := redact(pieces, flow.Redaction{Rows: true})
			if got := string(stream(redacted, flow.FromBackend)); lost || !strings.HasSuffix(got, packet(6, c.want)+eof(7, 2)) {
				t.Errorf("lost %v, %q", lost, got)
			}
			holds(t, pieces)
		})
	}
}

// A session's statements that are remembered are bounded, and those beyond are overwritten as a whole.
func TestStatementsBounded(t *testing.T) {
	pieces := loggedIn(usual)
	for id := range uint32(1100) {
		pieces = append(pieces, conversation("", packet(0, fmt.Sprintf("\x16SELECT %d", id)),
			packet(1, "\x00"+u32(id)+u16(0)+u16(0)+"\x00"+u16(0)))...)
	}
	pieces = append(pieces, conversation("", packet(0, "\x17"+u32(1099)+"\x00"+u32(1)+"SECRET"), ok(1, 0, 2))...)
	redacted, lost := redact(pieces, flow.Redaction{Parameters: true})
	if got := string(stream(redacted, flow.FromClient)); lost || !strings.HasSuffix(got, u32(1)+"xxxxxx") {
		t.Errorf("lost %v, %q", lost, got[len(got)-20:])
	}
	got := decode(pieces, flow.StatementsText)
	if last := got.ops[len(got.ops)-1]; got.err != nil || last.Kind != "execute" || last.Text != "" {
		t.Errorf("%v, %+v", got.err, last)
	}
}
