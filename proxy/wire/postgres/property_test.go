package postgres_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"
	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/postgres"
)

// exchanges are what a conversation is drawn from.
func exchanges() []piece {
	parsed, boundTo, sync := &pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, &pgproto3.Sync{}
	pieces := []piece{
		client(query("select 'a', 1; update b set c = 2")), client(query("alter role bob password '" + secret + "'")),
		client(parse("s", "select $1")), client(parse("", "insert into a values ($1)")), client(bind("", "s"), execute("")),
		client(bind("p", ""), execute("p")), client(sync), client(&pgproto3.Flush{}), client(&pgproto3.Describe{ObjectType: 'S', Name: "s"}),
		client(&pgproto3.Close{ObjectType: 'S', Name: "s"}), client(&pgproto3.CopyData{Data: []byte("1\tpassword=x\n")}), client(&pgproto3.CopyDone{}),
		client(&pgproto3.CopyFail{Message: "m"}), client(&pgproto3.FunctionCall{Function: 1, Arguments: [][]byte{[]byte("v"), nil}}),
		client(&pgproto3.PasswordMessage{Password: secret}), client(&pgproto3.Terminate{}),
		backend(parsed), backend(boundTo), backend(row("v", "password = 'x'")), backend(tag("SELECT 1")), backend(tag("INSERT 0 5")), backend(ready('I')),
		backend(ready('T')), backend(failed("22P02", `no "x" `+secret)), backend(&pgproto3.PortalSuspended{}), backend(&pgproto3.EmptyQueryResponse{}),
		backend(&pgproto3.CopyInResponse{}), backend(&pgproto3.CopyOutResponse{}), backend(&pgproto3.CopyBothResponse{}), backend(&pgproto3.CopyData{Data: []byte("md50123")}),
		backend(&pgproto3.FunctionCallResponse{Result: []byte("r")}), backend(&pgproto3.NotificationResponse{Channel: "c", Payload: "p"}),
		backend(&pgproto3.NoticeResponse{Message: secret}), backend(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "off"}),
		backend(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}}), backend(&pgproto3.AuthenticationMD5Password{}),
		backend(tag("OK"), ready('I')), backend(parsed, boundTo, tag("SELECT 0"), ready('E')),
	}
	return pieces
}

// drawConversation draws a login, what could follow it in whatever order, and sometimes a byte that is wrong.
func drawConversation(t *rapid.T) []piece {
	pieces := []piece{client(startup("user", "alice"))}
	if rapid.Bool().Draw(t, "encryption") {
		pieces = append([]piece{client(&pgproto3.SSLRequest{}), bare(flow.FromBackend, "N")}, pieces...)
	}
	pieces = append(pieces, rapid.SliceOfN(rapid.SampledFrom(exchanges()), 0, 40).Draw(t, "pieces")...)
	if rapid.IntRange(0, 3).Draw(t, "wrong") == 0 {
		p := &pieces[rapid.IntRange(0, len(pieces)-1).Draw(t, "piece")]
		b := []byte(p.bytes)
		b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		p.bytes = string(b)
	}
	return pieces
}

// drawCuts cuts a conversation into other pieces.
func drawCuts(t *rapid.T, pieces []piece) (out []piece) {
	for _, p := range pieces {
		for rest := p.bytes; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			out = append(out, piece{p.dir, rest[:n]})
			rest = rest[n:]
		}
	}
	return out
}

func sameOperations(t rapid.TB, a, b told) {
	t.Helper()
	if diff := cmp.Diff(a.operations, b.operations); diff != "" || (a.err == nil) != (b.err == nil) || a.encrypted != b.encrypted {
		t.Fatalf("errors %v and %v, encrypted %v and %v, operations:\n%s", a.err, b.err, a.encrypted, b.encrypted, diff)
	}
}

func TestDecodingDoesNotDependOnCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := drawConversation(t)
		sameOperations(t, decode(pieces, flow.StatementsText), decode(drawCuts(t, pieces), flow.StatementsText))
	})
}

// kept is what a redactor leaves of a conversation, up to where it loses its place.
func kept(pieces []piece, c flow.Redaction) (all string, ok bool) {
	r := postgres.NewRedactor(c)
	var out [2][]byte
	for _, p := range pieces {
		b := []byte(p.bytes)
		if !r.Redact(p.dir, b) {
			return "", false
		}
		out[p.dir] = append(out[p.dir], b...)
	}
	return string(out[0]) + string(out[1]), true
}

func TestRedactionDoesNotDependOnCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := drawConversation(t)
		c := flow.Redaction{Authentication: rapid.Bool().Draw(t, "a"), Parameters: rapid.Bool().Draw(t, "p"), Rows: rapid.Bool().Draw(t, "r")}
		a, okA := kept(pieces, c)
		b, okB := kept(drawCuts(t, pieces), c)
		if okA != okB || a != b {
			t.Fatalf("%v %v\n%q\n%q", okA, okB, a, b)
		}
	})
}

// fuzzed makes a conversation of any bytes: each piece behind a direction and a length.
func fuzzed(data []byte) (pieces []piece) {
	for len(data) > 3 {
		n := min(int(binary.BigEndian.Uint16(data[1:])), len(data)-3)
		pieces = append(pieces, piece{flow.Direction(data[0] & 1), string(data[3 : 3+n])})
		data = data[3+n:]
	}
	return pieces
}

func seed(f *testing.F) {
	add := func(pieces []piece) {
		var data []byte
		for _, p := range pieces {
			data = append(data, byte(p.dir))
			data = binary.BigEndian.AppendUint16(data, uint16(len(p.bytes)))
			data = append(data, p.bytes...)
		}
		f.Add(data)
	}
	add(loggedIn(exchanges()...))
	for _, pieces := range conversations() {
		add(pieces)
	}
}

func FuzzDecoder(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		pieces := fuzzed(data)
		sameOperations(t, decode(pieces, flow.StatementsFingerprint), decode(bytewise(pieces), flow.StatementsFingerprint))
	})
}

func FuzzRedactor(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		pieces := fuzzed(data)
		for _, c := range []flow.Redaction{{Authentication: true}, {Authentication: true, Parameters: true, Rows: true}} {
			a, okA := kept(pieces, c)
			b, okB := kept(bytewise(pieces), c)
			if okA != okB || a != b {
				t.Fatalf("%+v: %v %v\n%q\n%q", c, okA, okB, a, b)
			}
		}
	})
}

func TestSplitter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := drawConversation(t)
		split := func(pieces []piece) (raw [2]string, err error) {
			s := postgres.NewSplitter(1 << 16)
			for _, p := range pieces {
				err = s.Split(p.dir, []byte(p.bytes), func(m postgres.Message) error {
					raw[m.Direction] += string(m.Raw) + "|"
					return nil
				})
				if err != nil {
					break
				}
			}
			return raw, err
		}
		a, errA := split(pieces)
		b, errB := split(drawCuts(t, pieces))
		if a != b || (errA == nil) != (errB == nil) {
			t.Fatalf("%v %v\n%q\n%q", errA, errB, a, b)
		}
	})
}

// Values are looked through in another way where they are long, and again in another where they are cut.
func TestSecretsOfValuesDoNotDependOnCuts(t *testing.T) {
	fragment := rapid.SampledFrom([]string{"password", "PASSWORD", "passw", "pass", " = ", "=", "'", "e'", ": ", "\n", "\t", "md5", "0123456789abcdef0123456789abcdef",
		"SCRAM-SHA-256$", "scram-", "postgresql://", "postgres://u:", "pw@h/", "w", "$", "//", "x", ",", strings.Repeat("some words ", 10), strings.Repeat("y", 1100)})
	rapid.Check(t, func(t *rapid.T) {
		value := strings.Join(rapid.SliceOfN(fragment, 0, 12).Draw(t, "fragments"), "")
		pieces := loggedIn(backend(row("a", value), &pgproto3.CopyOutResponse{}, &pgproto3.CopyData{Data: []byte(value)}, &pgproto3.CopyData{Data: []byte(value)}))
		a, _ := kept(pieces, authentication())
		for _, cut := range [][]piece{drawCuts(t, pieces), bytewise(pieces)} {
			if b, ok := kept(cut, authentication()); !ok || a != b {
				t.Fatalf("%q\n%q", a, b)
			}
		}
		if hidden := "password='" + secret + value + secret; strings.Contains(redacted(t, value+hidden), secret) {
			t.Fatalf("%q", redacted(t, value+hidden))
		}
	})
}

// redacted is a value of a row as a recording has it.
func redacted(t rapid.TB, value string) string {
	t.Helper()
	all, ok := kept(loggedIn(backend(row(value))), authentication())
	if !ok {
		t.Fatal("lost")
	}
	return all
}
