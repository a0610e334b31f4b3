package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/postgres"
)

// redact is a conversation as a recording has it.
func redact(t testing.TB, pieces []piece, c flow.Redaction) []piece {
	t.Helper()
	r := postgres.NewRedactor(c)
	var out []piece
	for _, p := range pieces {
		b := []byte(p.bytes)
		if !r.Redact(p.dir, b) {
			t.Fatalf("the redactor lost its place at %q", p.bytes)
		}
		out = append(out, piece{p.dir, string(b)})
	}
	return out
}

func joined(pieces []piece, d flow.Direction) string {
	var b strings.Builder
	for _, p := range pieces {
		if p.dir == d {
			b.WriteString(p.bytes)
		}
	}
	return b.String()
}

func everything(pieces []piece) string {
	return joined(pieces, flow.FromClient) + joined(pieces, flow.FromBackend)
}

// frames are the heads of all messages: what a dissector needs.
func frames(t testing.TB, pieces []piece) string {
	t.Helper()
	var out strings.Builder
	s := postgres.NewSplitter(1 << 20)
	for _, p := range pieces {
		err := s.Split(p.dir, []byte(p.bytes), func(m postgres.Message) error {
			out.WriteString(m.Direction.String() + string(rune(m.Type)) + itoa(int64(len(m.Raw))) + "\n")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

const secret = "s3cr3t-Zq9"

func authentication() flow.Redaction { return flow.Redaction{Authentication: true} }

// conversations hold the secret where it stands for a login or sets one.
func conversations() map[string][]piece {
	scram := []piece{
		client(startup("user", "u")), backend(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}}),
		client(&pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256", Data: []byte("n,,n=,r=" + secret)}),
		backend(&pgproto3.AuthenticationSASLContinue{Data: []byte("r=" + secret + ",s=x,i=4096")}),
		client(&pgproto3.SASLResponse{Data: []byte("c=biws,p=" + secret)}),
		backend(&pgproto3.AuthenticationSASLFinal{Data: []byte("v=" + secret)}, &pgproto3.AuthenticationOk{}, ready('I')),
	}
	all := map[string][]piece{
		"scram": scram,
		"password": {client(startup("user", "u")), backend(&pgproto3.AuthenticationCleartextPassword{}),
			client(&pgproto3.PasswordMessage{Password: secret}), backend(&pgproto3.AuthenticationOk{}, ready('I'))},
		"md5": {client(startup("user", "u")), backend(&pgproto3.AuthenticationMD5Password{Salt: [4]byte{'s', '3', 'c', 'r'}}),
			client(&pgproto3.PasswordMessage{Password: "md5" + secret}), backend(&pgproto3.AuthenticationOk{}, ready('I'))},
		"gss": {client(startup("user", "u")), backend(&pgproto3.AuthenticationGSS{}),
			client(&pgproto3.GSSResponse{Data: []byte(secret)}), backend(&pgproto3.AuthenticationGSSContinue{Data: []byte(secret)})},
		"a password that nobody asked for": {client(startup("user", "u"), &pgproto3.PasswordMessage{Password: secret})},
	}
	all["strings with escapes"] = loggedIn(backend(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "off"}),
		client(query(`alter role bob password 'ab\'`+secret+`'`)))
	for _, s := range []string{
		"ALTER ROLE bob PASSWORD '" + secret + "'",
		"alter user bob with encrypted password '" + secret + "' valid until 'infinity' x",
		"CREATE ROLE bob LOGIN PASSWORD E'" + secret + "'",
		"create user bob /* x */ password\n$$" + secret + "$$",
		"CREATE USER MAPPING FOR bob SERVER s OPTIONS (user 'bob', password '" + secret + "')",
		"ALTER SERVER s OPTIONS (SET password '" + secret + "')",
		"CREATE SUBSCRIPTION s CONNECTION 'host=h password=" + secret + " user=u' PUBLICATION p",
		"ALTER SUBSCRIPTION s CONNECTION 'postgresql://u:" + secret + "@h/db'",
		"SELECT dblink_connect('c', 'host=h password=" + secret + "')",
	} {
		all["query: "+s] = loggedIn(client(query(s)), backend(failed("42601", `syntax error at or near "'`+secret+`'"`), ready('I')),
			client(query("select 1")), backend(&pgproto3.NoticeResponse{Message: "it was " + secret, Detail: secret}, tag("SELECT 0"), ready('I')))
		all["parse: "+s] = loggedIn(client(parse("n", s), &pgproto3.Sync{}),
			backend(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "42601", Message: "m", InternalQuery: s, Where: "SQL statement \"" + s + "\""}, ready('I')))
	}
	for name, value := range map[string]string{
		"conninfo": "host=h password=" + secret, "spaced": "host=h PASSWORD = '" + secret + "'", "uri": "postgresql://u:" + secret + "@h/d",
		"statement": "ALTER ROLE bob PASSWORD E'" + secret + "'", "options": "{user=u,password=" + secret + "}", "json": `{"password": "` + secret + `"}`,
		"verifier": "SCRAM-SHA-256$4096:" + secret, "twice begun": "scram-scram-sha-256$" + secret, "after a prefix": "passpassword=" + secret,
	} {
		all["value: "+name] = loggedIn(
			client(parse("", "select dblink($1)"), &pgproto3.Bind{Parameters: [][]byte{[]byte("a"), nil, {}, []byte(value)}}, execute(""), &pgproto3.Sync{}),
			backend(&pgproto3.BindComplete{}, row("x", value, "y"), failed("08001", `connection to "`+secret+`" failed`), ready('I')),
			client(&pgproto3.FunctionCall{Function: 1, Arguments: [][]byte{[]byte(value)}}), backend(&pgproto3.FunctionCallResponse{Result: []byte(value)}, ready('I')),
			client(query("copy a from stdin")), backend(&pgproto3.CopyInResponse{}), client(&pgproto3.CopyData{Data: []byte("1\t" + value + "\n")}),
			client(&pgproto3.CopyData{Data: []byte("2\t" + value[:7])}, &pgproto3.CopyData{Data: []byte(value[7:] + "\n")}, &pgproto3.CopyFail{Message: value}),
			backend(failed("57014", "COPY from stdin failed: "+value), ready('I'), &pgproto3.NotificationResponse{Channel: "c", Payload: value}),
		)
	}
	return all
}

func TestSecretsAreOverwritten(t *testing.T) {
	for name, pieces := range conversations() {
		t.Run(name, func(t *testing.T) {
			got := redact(t, pieces, authentication())
			if all := everything(got); strings.Contains(all, secret) || strings.Contains(all, "s3cr") {
				t.Errorf("%q", all)
			}
			if frames(t, got) != frames(t, pieces) {
				t.Errorf("frames:\n%s\nwant:\n%s", frames(t, got), frames(t, pieces))
			}
			if bytes := redact(t, bytewise(pieces), authentication()); everything(bytes) != everything(got) {
				t.Errorf("bytewise:\n%q\nwhole:\n%q", everything(bytes), everything(got))
			}
		})
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	pieces := loggedIn(
		client(query("select 'abc', 12 from a where password is null")), backend(row("the password is abc", "md5 sum", "a=b"), tag("SELECT 1"), ready('I')),
		client(parse("", "select $1"), bind("", ""), execute(""), &pgproto3.Sync{}), backend(failed("22P02", `not "abc" 5`), ready('I')),
		client(query("copy a from stdin")), backend(&pgproto3.CopyInResponse{}), client(&pgproto3.CopyData{Data: []byte("1\tpasswords\n")}),
	)
	if got := everything(redact(t, pieces, authentication())); got != everything(pieces) {
		t.Errorf("%q\nwant:\n%q", got, everything(pieces))
	}
	for name, pieces := range conversations() {
		if got := everything(redact(t, pieces, flow.Redaction{})); got != everything(pieces) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestParametersAndRows(t *testing.T) {
	const parameter, value = "param3ter", "v4lue"
	pieces := loggedIn(
		client(query("select '"+parameter+"'")), backend(&pgproto3.RowDescription{}, row(value, ""), tag("SELECT 1"), ready('I')),
		client(parse("n", "select '"+parameter+"', $1"), &pgproto3.Bind{PreparedStatement: "n", ParameterFormatCodes: []int16{0, 1},
			Parameters: [][]byte{[]byte(parameter), nil, []byte(parameter)}, ResultFormatCodes: []int16{1}}, execute(""), &pgproto3.Sync{}),
		backend(failed("22P02", `no number: "`+parameter+`"`), ready('I')),
		client(&pgproto3.FunctionCall{Function: 1, ArgFormatCodes: []uint16{1}, Arguments: [][]byte{[]byte(parameter)}}),
		backend(&pgproto3.FunctionCallResponse{Result: []byte(value)}, ready('I')),
		client(query("copy a from stdin")), backend(&pgproto3.CopyInResponse{}), client(&pgproto3.CopyData{Data: []byte(parameter)}),
		backend(&pgproto3.CopyOutResponse{}, &pgproto3.CopyData{Data: []byte(value)}),
	)
	for _, c := range []struct {
		c                flow.Redaction
		parameter, value bool
	}{
		{flow.Redaction{}, true, true},
		{flow.Redaction{Parameters: true}, false, true},
		{flow.Redaction{Parameters: true, Rows: true}, false, false},
	} {
		got := redact(t, pieces, c.c)
		all := everything(got)
		if strings.Contains(all, parameter) != c.parameter || strings.Contains(all, value) != c.value {
			t.Errorf("%+v: %q", c.c, all)
		}
		if frames(t, got) != frames(t, pieces) || everything(redact(t, bytewise(pieces), c.c)) != all {
			t.Errorf("%+v: frames or pieces", c.c)
		}
		if !strings.Contains(all, "no ") {
			t.Errorf("%+v: the words of the error are gone: %q", c.c, all)
		}
	}
	rows := everything(redact(t, pieces, flow.Redaction{Rows: true}))
	if strings.Contains(rows, value) || !strings.Contains(rows, "select '"+parameter) {
		t.Errorf("%q", rows)
	}
}

func TestEncryptedStreamsPass(t *testing.T) {
	pieces := []piece{client(&pgproto3.SSLRequest{}), bare(flow.FromBackend, "S"), bare(flow.FromClient, "\x16\x03\x01p\x00\x00\x00\x09abc"), bare(flow.FromBackend, "Rzz")}
	if got := everything(redact(t, pieces, flow.Redaction{Authentication: true, Parameters: true, Rows: true})); got != everything(pieces) {
		t.Errorf("%q", got)
	}
	r := postgres.NewRedactor(authentication())
	wish, reply := []byte(client(&pgproto3.SSLRequest{}).bytes), []byte("N")
	r.Redact(flow.FromClient, wish)
	r.Answered(8, reply)
	login := []byte(encode([]message{startup("user", "u"), &pgproto3.PasswordMessage{Password: secret}}))
	if !r.Redact(flow.FromClient, login) || strings.Contains(string(login), secret) {
		t.Errorf("%q", login)
	}
}

func TestGapsOfARecording(t *testing.T) {
	begin := func() *postgres.Redactor {
		r := postgres.NewRedactor(authentication())
		for _, p := range loggedIn() {
			r.Redact(p.dir, []byte(p.bytes))
		}
		return r
	}
	for name, m := range map[string]message{
		"query": query("alter role bob password '0123456789" + secret + "'"),
		"parse": parse("", "alter role bob password '0123456789"+secret+"'"),
		"bind":  &pgproto3.Bind{Parameters: [][]byte{[]byte("host=h port=5432 password=" + secret)}},
		"copy":  &pgproto3.CopyData{Data: []byte("host=h port=5432 password=" + secret)},
	} {
		whole := client(m).bytes
		for from := 5; from < strings.Index(whole, secret)-1; from++ {
			for _, n := range []int{1, 3, 10} {
				if from+n > strings.Index(whole, secret) {
					continue
				}
				r := begin()
				r.Redact(flow.FromClient, []byte(whole[:from]))
				if !r.Skip(flow.FromClient, uint64(n)) {
					t.Fatalf("%s: a gap within a message was too much", name)
				}
				rest := []byte(whole[from+n:])
				if !r.Redact(flow.FromClient, rest) || strings.Contains(string(rest), secret) {
					t.Errorf("%s: %d bytes missing at %d: %q", name, n, from, rest)
				}
				next := []byte(client(query("select 1")).bytes)
				if !r.Redact(flow.FromClient, next) || string(next) != client(query("select 1")).bytes {
					t.Errorf("%s: the next message is %q", name, next)
				}
			}
		}
	}
	// An error quotes what nobody saw.
	r := begin()
	whole := []byte(client(query("alter role bob password '" + secret + "'")).bytes)
	said := []byte(backend(failed("42601", `syntax error at or near "'`+secret+`'"`), ready('I')).bytes)
	if !r.Redact(flow.FromClient, whole[:20]) || !r.Skip(flow.FromClient, uint64(len(whole)-20)) || !r.Redact(flow.FromBackend, said) ||
		strings.Contains(string(said), secret) || !strings.Contains(string(said), "syntax error") {
		t.Errorf("an error that quotes what nobody saw is %q", said)
	}
	r = begin()
	if r.Skip(flow.FromClient, 3) || r.Redact(flow.FromClient, []byte("Q")) {
		t.Error("a redactor that does not know where it is goes on")
	}
}

func TestBadStreamsAreNotKept(t *testing.T) {
	r := postgres.NewRedactor(authentication())
	if r.Redact(flow.FromClient, []byte("GET / HTTP/1.1\r\nAuthorization: x")) {
		t.Error("HTTP was kept")
	}
}

// A length that is longer than its message says nothing: what is left of the message is overwritten.
func TestLengthsThatLie(t *testing.T) {
	pieces := loggedIn(bare(flow.FromBackend, "D\x00\x00\x00\x14\x00\x01\x00\x00\x01\x00"+secret), backend(row("kept")))
	if got := everything(redact(t, pieces, authentication())); strings.Contains(got, secret) || !strings.Contains(got, "kept") {
		t.Errorf("%q", got)
	}
}

// Only the first answer to SASL names a mechanism.
func TestAnswersBeforeQuestions(t *testing.T) {
	const upper = "S3CR3T"
	pieces := []piece{client(startup("user", "u")), backend(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"X"}}),
		client(&pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256", Data: []byte(upper)}, &pgproto3.SASLResponse{Data: []byte(upper)})}
	if got := everything(redact(t, pieces, authentication())); strings.Contains(got, upper) || !strings.Contains(got, "SCRAM-SHA-256") {
		t.Errorf("%q", got)
	}
}
