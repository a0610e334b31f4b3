package postgres_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/postgres"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

const login = "kind=login tx=idle"

func TestSimpleQueries(t *testing.T) {
	wantLines(t, loggedIn(
		client(query("select 1")),
		backend(&pgproto3.RowDescription{}, row("1"), tag("SELECT 1"), ready('I')),
		client(query("begin; insert into a values (1), (2); show x")),
		backend(tag("BEGIN"), tag("INSERT 0 2"), &pgproto3.RowDescription{}, row("1"), tag("SHOW"), ready('T')),
		client(query("selec")),
		backend(failed("42601", `syntax error at or near "selec"`), ready('E')),
		client(query("")),
		backend(&pgproto3.EmptyQueryResponse{}, ready('I')),
		client(query("select pg_sleep(9)"), &pgproto3.Terminate{}),
	), login, "SELECT text=select 1 rows=1 tx=idle",
		"BEGIN; text=begin; insert into a values (1), (2); show x",
		"INSERT text=begin; insert into a values (1), (2); show x rows=2",
		"SHOW text=begin; insert into a values (1), (2); show x rows=1 tx=active",
		`SELEC text=selec status=42601 error=syntax error at or near "selec" tx=failed`,
		"tx=idle", "SELECT text=select pg_sleep(9) unfinished")
}

func parse(name, text string) message { return &pgproto3.Parse{Name: name, Query: text} }

func bind(portal, name string) message {
	return &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: name, Parameters: [][]byte{[]byte("v"), nil}}
}

func execute(portal string) message { return &pgproto3.Execute{Portal: portal} }

func TestExtendedProtocol(t *testing.T) {
	parsed, boundTo, sync := &pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, &pgproto3.Sync{}
	describe := &pgproto3.Describe{ObjectType: 'S', Name: "s"}
	t.Run("unnamed", func(t *testing.T) {
		wantLines(t, loggedIn(client(parse("", "select $1"), bind("", ""), execute(""), sync),
			backend(parsed, boundTo, row("v"), tag("SELECT 1"), ready('I'))), login, "SELECT text=select $1 rows=1 tx=idle")
	})
	t.Run("prepared", func(t *testing.T) {
		wantLines(t, loggedIn(client(parse("s", "update a"), describe, sync),
			backend(parsed, &pgproto3.ParameterDescription{}, &pgproto3.NoData{}, ready('I')),
			client(bind("", "s"), execute(""), sync), backend(boundTo, tag("UPDATE 3"), ready('I')),
			client(&pgproto3.Close{ObjectType: 'S', Name: "s"}, sync), backend(&pgproto3.CloseComplete{}, ready('I')),
			client(bind("", "s"), execute(""), sync), backend(failed("26000", "no such statement"), ready('I')),
		), login, "UPDATE kind=prepare text=update a tx=idle", "UPDATE kind=execute text=update a rows=3 tx=idle",
			"kind=execute status=26000 error=no such statement tx=idle")
	})
	t.Run("portal in parts", func(t *testing.T) {
		wantLines(t, loggedIn(client(parse("", "select"), bind("p", ""), &pgproto3.Execute{Portal: "p", MaxRows: 2}, &pgproto3.Flush{}),
			backend(parsed, boundTo, row("1"), row("2"), &pgproto3.PortalSuspended{}),
			client(execute("p"), sync), backend(row("3"), tag("SELECT 1"), ready('I')),
		), login, "SELECT text=select rows=2", "SELECT text=select rows=1 tx=idle")
	})
	t.Run("an error in a pipeline", func(t *testing.T) {
		wantLines(t, loggedIn(client(parse("", "a"), bind("", ""), execute(""), parse("", "b"), bind("", ""), execute(""),
			parse("", "c"), bind("", ""), execute(""), query("passed over")),
			backend(parsed, boundTo, tag("A"), parsed, failed("22P02", "no")),
			client(bind("", ""), execute(""), query("passed over, too"), &pgproto3.FunctionCall{}, sync, parse("", "d"), bind("", ""), execute(""), sync),
			backend(ready('I'), parsed, boundTo, tag("D"), ready('I')),
		), login, "A text=a", "B text=b status=22P02 error=no tx=idle", "D text=d tx=idle")
	})
	t.Run("an error of a Parse alone", func(t *testing.T) {
		wantLines(t, loggedIn(client(parse("", "selec"), sync), backend(failed("42601", "no"), ready('I')),
			client(parse("", "selec 2"), &pgproto3.Flush{}), backend(failed("42601", "no")),
			client(bind("", ""), sync), backend(ready('I')), client(query("ok")), backend(tag("OK"), ready('I'))),
			login, "SELEC text=selec status=42601 error=no tx=idle",
			"SELEC text=selec 2 status=42601 error=no tx=idle", "OK text=ok tx=idle")
	})
	t.Run("an error of the second of two Parse", func(t *testing.T) {
		wantLines(t, loggedIn(client(parse("", "a"), parse("b", "b"), parse("c", "c"), sync), backend(parsed, failed("42601", "no"), ready('I'))),
			login, "B kind=prepare text=b status=42601 error=no tx=idle")
	})
	t.Run("an error of the commit", func(t *testing.T) {
		wantLines(t, loggedIn(client(parse("", "insert"), bind("", ""), execute(""), sync),
			backend(parsed, boundTo, tag("INSERT 0 1"), failed("23503", "no"), ready('I'))),
			login, "INSERT text=insert rows=1 status=23503 error=no tx=idle")
	})
}

func TestCopy(t *testing.T) {
	in := &pgproto3.CopyInResponse{ColumnFormatCodes: []uint16{0}}
	data, done, sync := &pgproto3.CopyData{Data: []byte("1\n")}, &pgproto3.CopyDone{}, &pgproto3.Sync{}
	want := []string{login, "COPY kind=copy text=copy a rows=2 tx=idle", "OK text=ok tx=idle"}
	ok := []piece{client(query("ok")), backend(tag("OK"), ready('I'))}
	extended := []message{parse("", "copy a"), bind("", ""), execute(""), sync}
	for name, pieces := range map[string][]piece{
		"simple in": {client(query("copy a")), backend(in), client(data, data, done), backend(tag("COPY 2"), ready('I'))},
		"out": {client(query("copy a")), backend(&pgproto3.CopyOutResponse{ColumnFormatCodes: []uint16{0}}, data, data, done,
			tag("COPY 2"), ready('I'))},
		// The server passes over the Sync that comes before the end of the data.
		"extended in":             {client(extended...), backend(in), client(data, done, sync), backend(tag("COPY 2"), ready('I'))},
		"extended, Sync later":    {client(extended[:3]...), backend(in), client(sync, data, done, sync), backend(tag("COPY 2"), ready('I'))},
		"extended, all at once":   {client(append(extended, data, done, sync)...), backend(in, tag("COPY 2"), ready('I'))},
		"extended, done at once":  {client(append(extended, data, done)...), backend(in), client(sync), backend(tag("COPY 2"), ready('I'))},
		"extended, the two apart": {client(extended...), backend(in), client(data, done), client(sync), backend(tag("COPY 2"), ready('I'))},
	} {
		t.Run(name, func(t *testing.T) { wantLines(t, loggedIn(append(pieces, ok...)...), want...) })
	}
	t.Run("failed", func(t *testing.T) {
		wantLines(t, loggedIn(append([]piece{client(extended...), backend(in), client(data), backend(failed("22P04", "no")),
			client(data, &pgproto3.CopyFail{Message: "x"}, sync), backend(ready('I'))}, ok...)...),
			login, "COPY kind=copy text=copy a status=22P04 error=no tx=idle", want[2])
	})
}

func TestLogins(t *testing.T) {
	sasl := []piece{
		bare(flow.FromClient, "\x00\x00\x00\x08\x04\xd2\x16\x2f"), bare(flow.FromBackend, "N"),
		bare(flow.FromClient, "\x00\x00\x00\x08\x04\xd2\x16\x30"), bare(flow.FromBackend, "N"),
		client(startup("user", "bob", "replication", "database")),
		backend(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}}),
		client(&pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256", Data: []byte("n,,n=,r=x")}),
		backend(&pgproto3.AuthenticationSASLContinue{Data: []byte("r=x")}),
		client(&pgproto3.SASLResponse{Data: []byte("c=x")}),
		backend(&pgproto3.AuthenticationSASLFinal{Data: []byte("v=x")}, &pgproto3.AuthenticationOk{},
			&pgproto3.ParameterStatus{Name: "application_name", Value: "walreceiver"}, ready('I')),
		client(query("START_REPLICATION 0/0")), backend(&pgproto3.CopyBothResponse{}, &pgproto3.CopyData{Data: []byte("w")}),
	}
	r := decode(sasl, flow.StatementsText)
	if got := lines(r.operations); r.err != nil || got != login+"\nSTART_REPLICATION kind=replication text=START_REPLICATION 0/0 unfinished" {
		t.Fatalf("%v\n%s", r.err, got)
	}
	if o := r.operations[1]; o.User != "bob" || o.Namespace != "bob" || o.Auth != "scram-sha-256" || o.Application != "walreceiver" {
		t.Errorf("%+v", o)
	}
	wantLines(t, []piece{client(startup("user", "bob")), backend(&pgproto3.AuthenticationMD5Password{}),
		client(&pgproto3.PasswordMessage{Password: "md5x"}), backend(failed("28P01", "password authentication failed"))},
		"kind=login status=28P01 error=password authentication failed")
	wantLines(t, []piece{client(&pgproto3.CancelRequest{ProcessID: 1, SecretKey: []byte("0123456789abcdef0123456789abcdef")})}, "kind=cancel")
	wantLines(t, []piece{client(&pgproto3.SSLRequest{}), backend(failed("53300", "too many clients"))},
		"status=53300 error=too many clients")
}

func TestEncryptedSessions(t *testing.T) {
	for name, pieces := range map[string][]piece{
		"TLS":        {client(&pgproto3.SSLRequest{}), bare(flow.FromBackend, "S"), bare(flow.FromClient, "\x16\x03\x01anything"), bare(flow.FromBackend, "Qx")},
		"GSSAPI":     {client(&pgproto3.GSSEncRequest{}), bare(flow.FromBackend, "Gzz"), bare(flow.FromClient, "\x00\x00\x00\x01z")},
		"direct TLS": {bare(flow.FromClient, "\x16\x03\x01anything"), bare(flow.FromBackend, "\x16\x03")},
	} {
		if r := decode(pieces, flow.StatementsText); !r.encrypted || r.err != nil || len(r.operations) != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	var got told
	d := postgres.New(postgres.Config{Emit: func(o *flow.Operation) { got.operations = append(got.operations, *o) }})
	_ = d.Data(flow.FromClient, moment(), []byte(client(&pgproto3.SSLRequest{}).bytes))
	if err := d.Answered(moment(), 8, []byte("N")); err != nil || d.Encrypted() {
		t.Fatal(err, d.Encrypted())
	}
	if err := d.Data(flow.FromClient, moment(), []byte(client(startup("user", "u")).bytes)); err != nil {
		t.Fatal(err)
	}
	if d.End(moment()); lines(got.operations) != "kind=login unfinished" {
		t.Errorf("%s", lines(got.operations))
	}
}

func TestWhatServersSayUnasked(t *testing.T) {
	wantLines(t, loggedIn(
		backend(&pgproto3.NoticeResponse{Severity: "WARNING", Message: "w"}, &pgproto3.NotificationResponse{PID: 1, Channel: "c", Payload: "it's"}),
		backend(&pgproto3.ParameterStatus{Name: "application_name", Value: "later"}),
		backend(failed("57P01", "terminating")),
	), login, `NOTIFY kind=notification text=NOTIFY "c", 'it''s'`, "status=57P01 error=terminating")
	r := decode(loggedIn(backend(&pgproto3.ParameterStatus{Name: "application_name", Value: "later"}), client(query("x"))), 0)
	if o := r.operations[1]; o.Application != "later" {
		t.Errorf("%+v", o)
	}
}

func TestFunctionCalls(t *testing.T) {
	wantLines(t, loggedIn(client(&pgproto3.FunctionCall{Function: 1, Arguments: [][]byte{[]byte("a")}}),
		backend(&pgproto3.FunctionCallResponse{Result: []byte("x")}, ready('I')),
		client(&pgproto3.FunctionCall{Function: 2}), backend(failed("42883", "no"), ready('I'))),
		login, "FUNCTION CALL tx=idle", "FUNCTION CALL status=42883 error=no tx=idle")
}

func TestTimesAndBytes(t *testing.T) {
	var o []*flow.Operation
	d := postgres.New(postgres.Config{Emit: func(p *flow.Operation) { o = append(o, p) }, Statement: asWritten})
	at := moment()
	tell := func(p piece) {
		t.Helper()
		if err := d.Data(p.dir, at, []byte(p.bytes)); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Second)
	}
	for _, p := range loggedIn() {
		tell(p)
	}
	q := client(query("select 1"))
	tell(bare(q.dir, q.bytes[:3]))
	tell(bare(q.dir, q.bytes[3:]))
	first, last := backend(row("1")), backend(tag("SELECT 1"), ready('T'))
	tell(first)
	tell(last)
	if got := *o[1]; got.Started != moment().Add(2*time.Second) || got.Asked != time.Second || got.FirstByte != 2*time.Second ||
		got.LastByte != 3*time.Second || got.FromClient != uint64(len(q.bytes)) || got.FromBackend != uint64(len(first.bytes)+len(last.bytes)) {
		t.Errorf("%+v", got)
	}
	if got := *o[0]; got.LastByte != time.Second || got.User != "alice" || got.Auth != "trust" || got.Namespace != "shop" {
		t.Errorf("%+v", got)
	}
}

func TestLongTexts(t *testing.T) {
	long := "select " + strings.Repeat("x", 30_000)
	r := decode(bytewise(loggedIn(client(query(long), parse("s", long), parse(strings.Repeat("n", 70_000), "a"), bind("", "s"), execute("")),
		backend(tag("SELECT 0"), ready('I')))), flow.StatementsText)
	if r.err != nil || len(r.operations) != 5 {
		t.Fatalf("%v, %d operations", r.err, len(r.operations))
	}
	for _, i := range []int{1, 2, 4} {
		if o := r.operations[i]; o.Text != long[:flow.OperationTextMax] || !o.Cut {
			t.Errorf("%d: %d bytes, cut %v", i, len(o.Text), o.Cut)
		}
	}
}

// What is beyond the questions that are remembered is told without its text, and remembered again later.
func TestLongPipelines(t *testing.T) {
	const n = 10_000
	var asked, answered []message
	for range n {
		asked = append(asked, parse("", "insert 1"), bind("", ""), execute(""))
		answered = append(answered, &pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, tag("INSERT 0 1"))
	}
	r := decode(loggedIn(client(append(asked, &pgproto3.Sync{})...), backend(append(answered, ready('I'))...),
		client(query("ok")), backend(tag("OK"), ready('I'))), flow.StatementsText)
	texts := 0
	for _, o := range r.operations[1 : n+1] {
		if o.Name != "INSERT" || o.Rows != 1 {
			t.Fatalf("%+v", o)
		}
		if o.Text != "" {
			texts++
		}
	}
	if len(r.operations) != n+2 || texts != 4096 || r.operations[n+1].Text != "ok" {
		t.Errorf("%d operations, %d texts, last %s", len(r.operations), texts, line(r.operations[n+1]))
	}
}

// What waits for its answer has texts of a few megabytes at most.
func TestLongPipelinesOfLongTexts(t *testing.T) {
	long := strings.Repeat("x", 8000)
	var asked []message
	for range 300 {
		asked = append(asked, query(long))
	}
	var answered []message
	for range 300 {
		answered = append(answered, tag("X"), ready('I'))
	}
	r := decode(loggedIn(client(asked...), backend(answered...), client(query(long)), backend(tag("X"), ready('I'))), flow.StatementsText)
	texts := 0
	for _, o := range r.operations {
		texts += len(o.Text)
	}
	if len(r.operations) != 302 || texts > 1<<20+len(long) || texts < 1<<20-len(long) || r.operations[301].Text != long {
		t.Errorf("%d operations, %d bytes of texts", len(r.operations), texts)
	}
}

// New questions behind those that are not remembered are not remembered either, until all are answered.
func TestLongPipelinesThatGoOn(t *testing.T) {
	ask := func(n int, text string) (asked []message) {
		for range n {
			asked = append(asked, parse("", text), bind("", ""), execute(""))
		}
		return append(asked, &pgproto3.Sync{})
	}
	answer := func(n int, what string) (answered []message) {
		for range n {
			answered = append(answered, tag(what))
		}
		return append(answered, ready('I'))
	}
	r := decode(loggedIn(client(ask(3000, "a")...), client(ask(3000, "b")...), backend(answer(3000, "A")...), client(ask(10, "c")...),
		backend(answer(3000, "B")...), client(ask(10, "d")...), backend(answer(10, "C")...), backend(answer(10, "D")...),
		client(ask(1, "e")...), backend(answer(1, "E")...)), flow.StatementsText)
	if len(r.operations) != 1+6000+20+1 {
		t.Fatalf("%d operations", len(r.operations))
	}
	for _, o := range r.operations[1:] {
		if o.Text != "" && strings.ToUpper(o.Text) != o.Name {
			t.Fatalf("%+v", o)
		}
	}
	if last := r.operations[len(r.operations)-1]; last.Text != "e" {
		t.Errorf("%+v", last)
	}
}

func TestManyStatements(t *testing.T) {
	var asked []message
	for i := range 3000 {
		asked = append(asked, parse("s"+strconv.Itoa(i), "select "+strconv.Itoa(i)))
	}
	r := decode(loggedIn(client(append(asked, bind("", "s0"), execute(""), bind("", "s2999"), execute(""))...)), flow.StatementsText)
	if n := len(r.operations); line(r.operations[n-2]) != "kind=execute unfinished" ||
		line(r.operations[n-1]) != "SELECT kind=execute text=select 2999 unfinished" {
		t.Errorf("%s", lines(r.operations[n-2:]))
	}
}

func TestErrorTexts(t *testing.T) {
	pieces := loggedIn(client(query("select 'secret'")), backend(failed("22P02", `no integer: "secret"`), ready('I')))
	for statements, want := range map[flow.Statements]bool{flow.StatementsFingerprint: false, flow.StatementsText: true, flow.StatementsOff: false} {
		o := decode(pieces, statements).operations[1]
		if got := strings.Contains(o.Error, "secret"); got != want || o.Status != "22P02" || statements == flow.StatementsOff && o.Error != "" {
			t.Errorf("%s: %+v", statements, o)
		}
	}
}

func TestGaps(t *testing.T) {
	d := postgres.New(postgres.Config{Emit: func(*flow.Operation) {}, Statement: asWritten})
	for _, p := range loggedIn() {
		_ = d.Data(p.dir, moment(), []byte(p.bytes))
	}
	copyData := client(&pgproto3.CopyData{Data: make([]byte, 5000)}).bytes
	_ = d.Data(flow.FromClient, moment(), []byte(copyData[:100]))
	if err := d.Skipped(flow.FromClient, moment(), uint64(len(copyData)-100)); err != nil {
		t.Fatal(err)
	}
	if err := d.Data(flow.FromClient, moment(), []byte(client(query("select 1")).bytes)); err != nil {
		t.Fatal(err)
	}
	err := d.Skipped(flow.FromClient, moment(), 10)
	if err == nil || !strings.Contains(err.Error(), "10 bytes from the client were not seen") {
		t.Errorf("%v", err)
	}
	if err := d.Data(flow.FromClient, moment(), []byte("zzzzzz")); err != nil {
		t.Errorf("a decoder that has given up says so again: %v", err)
	}
}

func TestWhatIsNoPostgres(t *testing.T) {
	for _, c := range []struct {
		name   string
		pieces []piece
		want   string
	}{
		{"HTTP", []piece{bare(flow.FromClient, "GET / HTTP/1.1\r\n")}, "message 1 from the client: it is not PostgreSQL's protocol"},
		{"version 2", []piece{bare(flow.FromClient, "\x00\x00\x00\x09\x00\x02\x00\x00\x00")}, "version 2.0 of the protocol cannot be read: expected 3.x"},
		{"answer", []piece{client(&pgproto3.SSLRequest{}), bare(flow.FromBackend, "?")}, `the answer to a request for encryption is '?': expected S, G or N`},
		{"type", loggedIn(bare(flow.FromClient, "z\x00\x00\x00\x04")), `message 2 from the client: unknown type of message 'z'`},
		{"length", loggedIn(bare(flow.FromBackend, "Z\x00\x00\x00\x09")), "message 5 from the backend: a message of type Z cannot be 9 bytes long: expected 5 to 5"},
		{"parameter", []piece{bare(flow.FromClient, "\x00\x00\x00\x0d\x00\x03\x00\x00user\x00")}, "a startup message with a parameter that has no end"},
		{"behind a cancel", []piece{client(&pgproto3.CancelRequest{SecretKey: []byte{1, 2, 3, 4}}, query("x"))}, "nothing was expected behind a request to cancel"},
	} {
		if r := decode(c.pieces, 0); r.err == nil || !strings.Contains(r.err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, r.err)
		}
	}
}
