package mysql_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Capabilities as the tests' ends have them.
const (
	mySQL        = 1 << 0
	withDB       = 1 << 3
	compress     = 1 << 5
	protocol41   = 1 << 9
	withTLS      = 1 << 11
	secure       = 1 << 15
	pluginAuth   = 1 << 19
	connectAttrs = 1 << 20
	authLenenc   = 1 << 21
	sessionTrack = 1 << 23
	deprecateEOF = 1 << 24
	noMetadata   = 1 << 25
	attributes   = 1 << 27

	usual = mySQL | withDB | protocol41 | secure | pluginAuth | connectAttrs | authLenenc
)

func u16(v int) string    { return string(binary.LittleEndian.AppendUint16(nil, uint16(v))) }
func u32(v uint32) string { return string(binary.LittleEndian.AppendUint32(nil, v)) }
func str(s string) string { return string([]byte{byte(len(s))}) + s } // at most 250 bytes

func greets(capabilities uint32) string {
	return packet(0, "\x0a8.4.0\x00"+u32(42)+"saltsalt\x00"+u16(int(capabilities))+"\xff"+u16(2)+u16(int(capabilities>>16))+
		"\x15"+strings.Repeat("\x00", 10)+"SALTSALTSALT\x00caching_sha2_password\x00")
}

func logsIn(capabilities uint32) string {
	return packet(1, u32(capabilities)+u32(1<<24)+"\xff"+strings.Repeat("\x00", 23)+"alice\x00"+str("proof-proof-proof")+
		"shop\x00caching_sha2_password\x00"+str(str("_client_name")+str("libmysql")+str("program_name")+str("shopd")))
}

func ok(sequence byte, affected, status int) string {
	return packet(sequence, "\x00"+string([]byte{byte(affected), 0})+u16(status)+u16(0))
}

func eof(sequence byte, status int) string { return packet(sequence, "\xfe"+u16(0)+u16(status)) }

func failed(sequence byte, code int, text string) string {
	return packet(sequence, "\xff"+u16(code)+"#42000"+text)
}

func definition(sequence byte, schema, table, name string, fieldType byte) string {
	return packet(sequence, str("def")+str(schema)+str(table)+str(table)+str(name)+str(name)+"\x0c"+u16(33)+u32(80)+
		string([]byte{fieldType})+"\x00\x00\x00\x00\x00")
}

// conversation is what both sides say in turn, the server first.
func conversation(turns ...string) (pieces []piece) {
	for i, s := range turns {
		if s != "" {
			pieces = append(pieces, piece{flow.Direction((i + 1) % 2), []byte(s)})
		}
	}
	return pieces
}

// loggedIn begins a conversation.
func loggedIn(capabilities uint32, turns ...string) []piece {
	return conversation(append([]string{
		greets(capabilities), logsIn(capabilities), packet(2, "\x01\x04"), packet(3, "\x02"), packet(4, "\x01PUBLIC KEY"),
		packet(5, "proof-again"), ok(6, 0, 2),
	}, turns...)...)
}

const login = `LOGIN "" rows=-1 kind=login transaction=idle db=shop`

func TestConversations(t *testing.T) {
	rows := definition(2, "shop", "t", "a", 0xfd)
	for name, c := range map[string]struct {
		pieces []piece
		want   []string
		err    string
	}{
		"query with EOFs": {pieces: loggedIn(usual,
			packet(0, "\x03SELECT a FROM t"), packet(1, "\x01")+rows+eof(3, 2)+packet(4, "\x011")+packet(5, "\xfb")+eof(6, 2)),
			want: []string{login, `SELECT "SELECT a FROM t" rows=2 transaction=idle db=shop`}},
		"query without EOFs": {pieces: loggedIn(usual|deprecateEOF,
			packet(0, "\x03SELECT a FROM t"), packet(1, "\x01")+rows+packet(3, "\x011")+packet(4, "\xfe\x00\x00"+u16(3)+u16(0))),
			want: []string{login, `SELECT "SELECT a FROM t" rows=1 transaction=active db=shop`}},
		"an error within rows": {pieces: loggedIn(usual,
			packet(0, "\x03SELECT a FROM t"), packet(1, "\x01")+rows+eof(3, 2)+packet(4, "\x011")+failed(5, 1317, "interrupted")),
			want: []string{login, `SELECT "SELECT a FROM t" rows=-1 status=1317 error=interrupted db=shop`}},
		"attributes": {pieces: loggedIn(usual|attributes,
			packet(0, "\x03\x03\x01\x02\x01"+u16(0xfd)+str("name")+u16(3)+str("null")+u16(7)+str("when")+str("value")+
				"\x04\xe0\x07\x01\x02"+"SELECT 'x'"), ok(1, 0, 2), packet(0, "\x03\x00\x01SELECT 2"), ok(1, 0, 2)),
			want: []string{login, `SELECT "SELECT 'x'" rows=0 transaction=idle db=shop`,
				`SELECT "SELECT 2" rows=0 transaction=idle db=shop`}},
		"cursor": {pieces: loggedIn(usual,
			packet(0, "\x16SELECT a FROM t"), packet(1, "\x00"+u32(7)+u16(1)+u16(0)+"\x00"+u16(0))+rows+eof(3, 2),
			packet(0, "\x17"+u32(7)+"\x01"+u32(1)), packet(1, "\x01")+rows+eof(3, 0x42),
			packet(0, "\x1c"+u32(7)+u32(1)), packet(1, "\x00\x00\x011")+eof(2, 0x42),
			packet(0, "\x1c"+u32(7)+u32(1)), eof(1, 0x82),
			packet(0, "\x1a"+u32(7)), ok(1, 0, 2), packet(0, "\x19"+u32(7))),
			want: []string{login, `SELECT "SELECT a FROM t" rows=-1 kind=prepare transaction=idle db=shop`,
				`SELECT "SELECT a FROM t" rows=0 kind=execute transaction=idle db=shop`,
				`FETCH "SELECT a FROM t" rows=1 transaction=idle db=shop`,
				`FETCH "SELECT a FROM t" rows=0 transaction=idle db=shop`,
				`STMT_RESET "SELECT a FROM t" rows=-1 transaction=idle db=shop`}},
		"prepared and executed at once": {pieces: loggedIn(usual,
			packet(0, "\x16INSERT INTO t VALUES (?)")+packet(0, "\x18"+u32(0xffffffff)+u16(0)+"long")+
				packet(0, "\x17"+u32(0xffffffff)+"\x00"+u32(1)+"\x00\x01\xfc\x00")+packet(0, "\x19"+u32(0xffffffff)),
			packet(1, "\x00"+u32(1)+u16(0)+u16(1)+"\x00"+u16(0))+definition(2, "", "", "?", 0xfd)+eof(3, 2)+ok(1, 1, 2)),
			want: []string{login, `INSERT "INSERT INTO t VALUES (?)" rows=-1 kind=prepare transaction=idle db=shop`,
				`INSERT "INSERT INTO t VALUES (?)" rows=1 kind=execute transaction=idle db=shop`}},
		"pipeline": {pieces: loggedIn(usual,
			packet(0, "\x03DO 1")+packet(0, "\x03DO 2")+packet(0, "\x0e"), ok(1, 0, 2)+ok(1, 5, 3)+ok(1, 0, 3)),
			want: []string{login, `DO "DO 1" rows=0 transaction=idle db=shop`, `DO "DO 2" rows=5 transaction=active db=shop`,
				`PING "" rows=-1 transaction=active db=shop`}},
		"several results": {pieces: loggedIn(usual,
			packet(0, "\x03CALL p()"), ok(1, 3, 0x0a)+packet(2, "\x01")+rows+eof(4, 0x0a)+packet(5, "\x011")+eof(6, 0x0a)+
				packet(7, "\x01")+rows+eof(8, 0x0a)+packet(9, "\x011")+eof(10, 0x0a)+ok(11, 0, 2), packet(0, "\x0e"), ok(1, 0, 2)),
			want: []string{login, `CALL "CALL p()" rows=2 transaction=idle db=shop`, `PING "" rows=-1 transaction=idle db=shop`}},
		"other user": {pieces: loggedIn(usual,
			packet(0, "\x11bob\x00"+str("proof-proof")+"other\x00"+u16(255)+"mysql_native_password\x00"), packet(1,
				"\xfemysql_native_password\x00saltsaltsaltsalt\x00"), packet(2, "proof-again"), ok(3, 0, 2),
			packet(0, "\x09"), packet(1, "Uptime: 1")),
			want: []string{login, `CHANGE_USER "" rows=-1 kind=login transaction=idle db=other`,
				`STATISTICS "" rows=-1 db=other`}},
		"databases": {pieces: loggedIn(usual|sessionTrack,
			packet(0, "\x02other"), ok(1, 0, 2), packet(0, "\x03use `third`;"), ok(1, 0, 2),
			packet(0, "\x03CALL moves()"), packet(1, "\x00\x00\x00"+u16(0x4002)+u16(0)+str("")+str("\x01"+str(str("fourth")))),
			packet(0, "\x02missing"), failed(1, 1049, "Unknown database 'missing'")),
			want: []string{login, `USE "" rows=-1 transaction=idle db=other`, "USE \"use `third`;\" rows=0 transaction=idle db=third",
				`CALL "CALL moves()" rows=0 transaction=idle db=fourth`,
				`USE "" rows=-1 status=1049 error=Unknown database 'missing' db=fourth`}},
		"fields":         {pieces: loggedIn(usual, packet(0, "\x04t\x00"), rows+rows+eof(4, 2)), want: []string{login, `FIELD_LIST "" rows=-1 transaction=idle db=shop`}},
		"unfinished":     {pieces: loggedIn(usual, packet(0, "\x03SELECT 1"), packet(1, "\x01")), want: []string{login, `SELECT "SELECT 1" rows=0 db=shop unfinished`}},
		"not let in":     {pieces: conversation(packet(0, "\xff"+u16(1130)+"Host is not allowed")), want: []string{` "" rows=-1 status=1130 error=Host is not allowed`}},
		"wrong":          {pieces: conversation(greets(usual), logsIn(usual), failed(2, 1045, "Access denied for user 'alice'@'localhost'")), want: []string{`LOGIN "" rows=-1 kind=login status=1045 error=Access denied for user 'alice'@'localhost' db=shop`}},
		"thrown out":     {pieces: loggedIn(usual, "", failed(0, 4031, "The client was disconnected")), want: []string{login, ` "" rows=-1 status=4031 error=The client was disconnected db=shop`}},
		"replica":        {pieces: loggedIn(usual, packet(0, "\x12"+u32(4)+u16(0)+u32(1)+"binlog.1"), packet(1, "\x00event")+packet(2, "\x00event")), want: []string{login, `BINLOG_DUMP "" rows=-1 kind=replication db=shop`}},
		"compressed":     {pieces: loggedIn(usual | compress), want: []string{login}, err: "compressed streams are not read"},
		"no metadata":    {pieces: loggedIn(usual | noMetadata), want: []string{login}, err: "CLIENT_OPTIONAL_RESULTSET_METADATA"},
		"too old":        {pieces: conversation(greets(mySQL)), err: "before MySQL 4.1"},
		"not MySQL":      {pieces: conversation("HTTP/1.1 400 Bad Request\r\n\r\n"), err: "begins with 0x2f where protocol 10"},
		"client first":   {pieces: conversation("", "GET / HTTP/1.1\r\n\r\n"), err: "before the server has greeted"},
		"short greeting": {pieces: conversation(packet(0, "\x0a8.4\x00")), err: "greeting ends too early"},
		"nothing asked":  {pieces: loggedIn(usual, "", ok(0, 0, 2)), want: []string{login}, err: "nothing asked for"},
		"odd answer":     {pieces: loggedIn(usual, packet(0, "\x03DO 1"), packet(1, "\xfb")+packet(2, "\xfb")), want: []string{login, `DO "DO 1" rows=-1 kind=copy db=shop unfinished`}, err: "while the client sends a file"},
		"odd sequence":   {pieces: loggedIn(usual, packet(3, "\x03DO 1")), want: []string{login}, err: "sequence number 3"},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(t rapid.TB, pieces []piece) {
				got := decode(pieces, flow.StatementsText)
				if strings.Join(lines(got.ops), "\n") != strings.Join(c.want, "\n") {
					t.Fatalf("got:\n%s\nwant:\n%s", strings.Join(lines(got.ops), "\n"), strings.Join(c.want, "\n"))
				}
				if (got.err == nil) != (c.err == "") || got.err != nil && !strings.Contains(got.err.Error(), c.err) {
					t.Fatalf("error %v, want %q", got.err, c.err)
				}
			}
			check(t, c.pieces)
			rapid.Check(t, func(rt *rapid.T) { check(rt, drawn(rt, c.pieces)) })
			if c.err == "" {
				holds(t, c.pieces)
			}
		})
	}
}

// TLS begins behind the request for it, whether the client's hello comes in the same piece or not.
func TestEncrypted(t *testing.T) {
	request := packet(1, u32(usual|withTLS)+u32(0)+strings.Repeat("\x00", 24))
	const hello = "\x16\x03\x03 whatever, of another length than a packet"
	for name, pieces := range map[string][]piece{
		"apart":        conversation(greets(usual|withTLS), request, "", hello, "\x16\x03\x03 it is"),
		"at once":      conversation(greets(usual|withTLS), request+hello, "\x16\x03\x03 it is"),
		"byte by byte": cutEvery(conversation(greets(usual|withTLS), request+hello, "\x16\x03\x03 it is"), 1),
	} {
		t.Run(name, func(t *testing.T) {
			got := decode(pieces, flow.StatementsText)
			if !got.encrypted || got.err != nil || len(got.ops) != 0 {
				t.Fatalf("%+v", got)
			}
			redacted, lost := redact(pieces, flow.Redaction{Authentication: true, Parameters: true, Rows: true})
			if kept := string(stream(redacted, flow.FromClient)); lost || kept != request+hello {
				t.Errorf("what is encrypted passes as it is: lost %v, %q", lost, kept)
			}
		})
	}
}

// What a login proves itself with is in no redacted byte, whatever way it takes; names and texts are.
func TestLoginRedacted(t *testing.T) {
	pieces := loggedIn(usual, packet(0, "\x11bob\x00"+str("proof-proof")+"other\x00"+u16(255)+"mysql_native_password\x00"),
		packet(1, "\xfemysql_native_password\x00saltsaltsaltsalt\x00"), packet(2, "proof-again"), ok(3, 0, 2))
	redacted, lost := redact(pieces, flow.Redaction{Authentication: true})
	if lost {
		t.Fatal("the redactor gave up")
	}
	all := string(stream(redacted, flow.FromClient)) + string(stream(redacted, flow.FromBackend))
	findSecret(t, []byte(all), []string{"salt", "proof", "PUBLIC"})
	for _, kept := range []string{"alice\x00", "bob\x00", "shop\x00", "shopd", "caching_sha2_password\x00", "mysql_native_password\x00", "8.4.0"} {
		if !strings.Contains(all, kept) {
			t.Errorf("%q was overwritten", kept)
		}
	}
}

// Bytes that nobody saw within a packet cost no more than the packet; between packets the place is lost.
func TestSkipped(t *testing.T) {
	big := packet(0, "\x03SELECT '"+strings.Repeat("a", 20000)+"'")
	for _, c := range []struct {
		from, n int
		lost    bool
	}{{10000, 5000, false}, {100, len(big) - 100, false}, {100, len(big) - 99, true}, {2, 10, true}} {
		d, r := newDecoder(), newRedactor()
		feed := func(pieces []piece) {
			for _, p := range pieces {
				if err := d.Data(p.dir, start(), p.b); err != nil || !r.Redact(p.dir, p.b) {
					t.Fatal(err)
				}
			}
		}
		feed(loggedIn(usual, big[:c.from]))
		err, kept := d.Skipped(flow.FromClient, start(), uint64(c.n)), r.Skip(flow.FromClient, uint64(c.n))
		if (err != nil) != c.lost || kept == c.lost {
			t.Errorf("%+v: %v, kept %v", c, err, kept)
		}
		if c.lost {
			continue
		}
		rest := []byte(big[c.from+c.n:])
		feed([]piece{{flow.FromClient, rest}, {flow.FromBackend, []byte(ok(1, 0, 2))}})
		if strings.Trim(string(rest), "x") != "" {
			t.Errorf("behind a gap in a statement nobody knows what is a secret: %.40q", rest)
		}
		if op := d.told.ops[1]; !op.Cut || op.FromClient != uint64(len(big)) || op.Unfinished {
			t.Errorf("%+v", op)
		}
	}
}

// A packet that has to be read whole, and was not seen whole, is an error.
func TestSkippedWithin(t *testing.T) {
	d, r := newDecoder(), newRedactor()
	greeting := []byte(greets(usual))
	if err := d.Data(flow.FromBackend, start(), greeting[:20]); err != nil || !r.Redact(flow.FromBackend, greeting[:20]) {
		t.Fatal(err)
	}
	n := uint64(len(greeting) - 20)
	if err := d.Skipped(flow.FromBackend, start(), n); err == nil || r.Skip(flow.FromBackend, n) {
		t.Errorf("half a greeting: %v", err)
	}
}

// More than can be remembered is an error, and no memory.
func TestTooMany(t *testing.T) {
	pieces := loggedIn(usual, strings.Repeat(packet(0, "\x03DO 1"), 2000))
	got := decode(pieces, flow.StatementsText)
	if got.err == nil || !strings.Contains(got.err.Error(), "more than 1024 commands") || len(got.ops) != 1025 {
		t.Errorf("%d operations, %v", len(got.ops), got.err)
	}
}

func TestErrorText(t *testing.T) {
	for message, want := range map[string]string{
		"Table 'test.t' doesn't exist":                 "Table ? doesn't exist",
		"Can't create database 'x'; database exists":   "Can't create database ?; database exists",
		"Duplicate entry 'it's' for key 'PRIMARY'":     "Duplicate entry ?",
		"near 'BY 'don't tell' zzz' at line 1":         "near ? at line ?",
		"Unknown column `a`.`b` in \"where\"":          "Unknown column ?",
		"no quotes":                                    "no quotes",
		"near 'BY 'hunter2" + strings.Repeat("x", 500): "near ?",
	} {
		got := decode(loggedIn(usual, packet(0, "\x03DO 1"), failed(1, 1064, message)), flow.StatementsFingerprint)
		if got.ops[1].Error != want {
			t.Errorf("%.60q became %q, want %q", message, got.ops[1].Error, want)
		}
	}
}
