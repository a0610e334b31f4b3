package mysql_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/mysql"
	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// recorder is a decoder with what it told.
type recorder struct {
	*mysql.Decoder
	told told
}

func newDecoder() *recorder {
	r := &recorder{}
	r.Decoder = mysql.New(mysql.Config{
		Emit:      func(o *flow.Operation) { r.told.ops = append(r.told.ops, o) },
		Statement: func(raw []byte, _ sql.Dialect) sql.Statement { return sql.Statement{Name: "S", Text: string(raw)} },
	})
	return r
}

func newRedactor() *mysql.Redactor {
	return mysql.NewRedactor(flow.Redaction{Authentication: true, Parameters: true, Rows: true})
}

// unpack makes pieces of a fuzzer's bytes: a byte says the direction and how many follow.
func unpack(b []byte) (pieces []piece) {
	for len(b) > 0 {
		n := min(int(b[0]>>1)+1, len(b)-1)
		pieces = append(pieces, piece{flow.Direction(b[0] & 1), b[1 : 1+n]})
		b = b[1+n:]
	}
	return pieces
}

func pack(pieces []piece) (b []byte) {
	for _, p := range cutEvery(pieces, 100) {
		b = append(append(b, byte(len(p.b)-1)<<1|byte(p.dir)), p.b...)
	}
	return b
}

func seeds(f *testing.F) {
	for _, capabilities := range []uint32{usual, usual | deprecateEOF | attributes | sessionTrack} {
		f.Add(pack(loggedIn(capabilities,
			packet(0, "\x03SELECT 'x' IDENTIFIED BY 'y'"), packet(1, "\x01")+definition(2, "mysql", "t", "a", 3)+eof(3, 2)+packet(4, "\x011")+eof(5, 2),
			packet(0, "\x16SELECT ?"), packet(1, "\x00"+u32(7)+u16(0)+u16(1)+"\x00"+u16(0))+definition(2, "", "", "?", 0xfd)+eof(3, 2),
			packet(0, "\x17"+u32(7)+"\x00"+u32(1)+"\x00\x01\xfd\x00\x03abc"), failed(1, 1064, "near 'x'"),
			packet(0, "\x02other"), ok(1, 0, 2))))
	}
	f.Add(pack(conversation(greets(usual), strings.Repeat("\xff", 300))))
	// A request for TLS, and more behind it at once.
	f.Add(pack(conversation(greets(usual|withTLS), packet(1, u32(usual|withTLS)+strings.Repeat("\xff", 28))+"\x05e\x00\x11proof-proo")))
	f.Add(pack(conversation(packet(0, "\n8.4.0\x00"+strings.Repeat("\xff", 67)), packet(0, strings.Repeat("\xf9", 32))+"0000000")))
}

// FuzzDecoder: no bytes make it panic, and how they are cut makes no difference.
func FuzzDecoder(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		pieces := unpack(b)
		whole, bytewise := decode(pieces, flow.StatementsText), decode(cutEvery(pieces, 1), flow.StatementsText)
		if shape(whole) != shape(bytewise) {
			t.Errorf("whole:\n%s\nbyte by byte:\n%s", shape(whole), shape(bytewise))
		}
		d := newDecoder()
		for i, p := range pieces { // a part of it is not seen
			if i%5 == 4 {
				_ = d.Skipped(p.dir, start(), uint64(len(p.b)))
				continue
			}
			if d.Data(p.dir, start(), p.b) != nil {
				break
			}
		}
		d.End(start())
	})
}

// FuzzRedactor: no bytes make it panic, lengths stay, and how they are cut makes no difference.
func FuzzRedactor(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		pieces := unpack(b)
		for _, what := range []flow.Redaction{{Authentication: true}, {Authentication: true, Parameters: true, Rows: true}} {
			whole, lost := redact(pieces, what)
			cut, cutLost := redact(cutEvery(pieces, 1), what)
			if lost != cutLost {
				t.Fatalf("whole: lost %v, byte by byte: %v", lost, cutLost)
			}
			for _, dir := range []flow.Direction{flow.FromClient, flow.FromBackend} {
				x, y := stream(whole, dir), stream(cut, dir)
				if !bytes.HasPrefix(y, x) || !lost && len(x) != len(y) {
					t.Errorf("%v: whole %q, byte by byte %q", dir, x, y)
				}
			}
		}
		r := newRedactor()
		for i, p := range pieces {
			if c := bytes.Clone(p.b); i%5 == 4 && !r.Skip(p.dir, uint64(len(c))) || i%5 < 4 && !r.Redact(p.dir, c) {
				break
			}
		}
	})
}
