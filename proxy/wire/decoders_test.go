package wire_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// heard is what Decoders told.
type heard struct {
	mu      sync.Mutex
	records []flow.Record
	notes   []string
	trouble []string
}

func (h *heard) config(protocol string) wire.Config {
	return wire.Config{
		Protocol:   func(string) string { return protocol },
		Statements: flow.StatementsText,
		Emit: func(r *flow.Record) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.records = append(h.records, *r)
		},
		Note:    func(service, kind, text string) { h.notes = append(h.notes, service+" "+kind+": "+text) },
		Trouble: func(service string, err error) { h.trouble = append(h.trouble, service+": "+err.Error()) },
	}
}

func (h *heard) operations() (list []string) {
	for _, r := range h.records {
		o := r.Operation
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s %s", o.Protocol, o.Name, o.Text)))
	}
	return list
}

func begin() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func open() *flow.Record {
	return &flow.Record{
		Event: flow.EventSessionOpen, Service: "db", Session: flow.NewSessionID(), Peer: &flow.Peer{},
		Origin: &flow.Origin{Program: "early"},
	}
}

// piece is what one side says at once.
type piece struct {
	dir   flow.Direction
	bytes string
}

const fromClient, fromBackend = flow.FromClient, flow.FromBackend

// pgMessage frames a message of PostgreSQL; the startup message has no type.
func pgMessage(kind, body string) string {
	return kind + string(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))) + body
}

func postgresSession() []piece {
	ready := pgMessage("Z", "I")
	return []piece{
		{fromClient, pgMessage("", "\x00\x03\x00\x00user\x00ada\x00database\x00shop\x00\x00")},
		{fromBackend, pgMessage("R", "\x00\x00\x00\x00") + ready},
		{fromClient, pgMessage("Q", "SELECT 1\x00")},
		{fromBackend, pgMessage("C", "SELECT 1\x00") + ready},
		{fromClient, pgMessage("X", "")},
	}
}

func redisSession() []piece {
	return []piece{
		{fromClient, "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"}, {fromBackend, "$5\r\nvalue\r\n"},
		{fromClient, "*1\r\n$4\r\nPING\r\n"}, {fromBackend, "+PONG\r\n"},
	}
}

func httpSession() []piece {
	return []piece{
		{fromClient, "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"}, {fromBackend, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
		{fromClient, "PUT /d HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"},
		{fromBackend, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"},
	}
}

// myPacket frames a packet of MySQL.
func myPacket(sequence byte, body string) string {
	return string([]byte{byte(len(body)), byte(len(body) >> 8), byte(len(body) >> 16), sequence}) + body
}

// mysqlSession has no capability but the protocol of 4.1 and authentication by plugins, which everybody has.
func mysqlSession() []piece {
	const capabilities = "\x00\x82\x08\x00"
	ok := "\x00\x00\x00\x02\x00\x00\x00"
	salt := "12345678"
	greeting := "\x0a8.0.36\x00\x01\x00\x00\x00" + salt + "\x00" + capabilities[:2] + "\x08\x02\x00" + capabilities[2:] + "\x15" +
		strings.Repeat("\x00", 10) + salt + "1234\x00" + "mysql_native_password\x00"
	login := capabilities + "\x00\x00\x00\x01\x08" + strings.Repeat("\x00", 23) + "ada\x00" + "\x14" + strings.Repeat("h", 20) +
		"mysql_native_password\x00"
	return []piece{
		{fromBackend, myPacket(0, greeting)}, {fromClient, myPacket(1, login)}, {fromBackend, myPacket(2, ok)},
		{fromClient, myPacket(0, "\x03DO 1")}, {fromBackend, myPacket(1, ok)}, {fromClient, myPacket(0, "\x01")},
	}
}

func play(t flow.SessionTap, pieces []piece) {
	at := begin()
	for _, p := range pieces {
		t.Data(p.dir, at, []byte(p.bytes))
		t.Written(p.dir, at, uint64(len(p.bytes)))
		at = at.Add(time.Millisecond)
	}
	if kept, skipped := t.Done(at, &flow.Outcome{}); kept != 0 || skipped != 0 {
		panic("a decoder keeps nothing")
	}
}

// TestProtocols: a protocol is read when it is named and when it has to be found, in any pieces.
func TestProtocols(t *testing.T) {
	for protocol, session := range map[string][]piece{
		"postgres": postgresSession(), "redis": redisSession(), "http": httpSession(),
		"mysql": mysqlSession(),
	} {
		var named heard
		play(wire.New(named.config(protocol)).Tap(open()), session)
		want := named.operations()
		if len(want) < 2 {
			t.Fatalf("%s: only %q", protocol, want)
		}
		rapid.Check(t, func(t *rapid.T) {
			var found heard
			pieces := rechunk(t, session)
			play(wire.New(found.config("auto")).Tap(open()), pieces)
			if got := found.operations(); !slices.Equal(got, want) || found.notes != nil || found.trouble != nil {
				t.Fatalf("%q, want %q; %q %q", got, want, found.notes, found.trouble)
			}
		})
	}
}

func rechunk(t *rapid.T, pieces []piece) (out []piece) {
	for _, p := range pieces {
		for len(p.bytes) > 0 {
			n := rapid.IntRange(1, len(p.bytes)).Draw(t, "n")
			out = append(out, piece{p.dir, p.bytes[:n]})
			p.bytes = p.bytes[n:]
		}
	}
	return out
}

func TestRecordsSayWhoseTheyAre(t *testing.T) {
	var h heard
	record := open()
	tap := wire.New(h.config("redis")).Tap(record)
	session := redisSession()
	tap.Data(session[0].dir, begin(), []byte(session[0].bytes))
	tap.Data(session[1].dir, begin().Add(time.Second), []byte(session[1].bytes))
	late := &flow.Origin{Program: "late"}
	tap.Origin(late)
	play(tap, session[2:])
	if len(h.records) != 2 {
		t.Fatalf("%+v", h.records)
	}
	for i, program := range []string{"early", "late"} {
		r := h.records[i]
		if r.Service != "db" || r.Session != record.Session || r.Event != flow.EventOperation || r.Origin.Program != program {
			t.Errorf("%d: %+v", i, r)
		}
	}
	if r := h.records[0]; !r.Time.Equal(begin().Add(time.Second)) || !r.Operation.Started.Equal(begin()) {
		t.Errorf("at %v, begun %v", r.Time, r.Operation.Started)
	}
}

// TestUnfinishedTakesUntilTheEnd: what was never answered took as long as it was waited for.
func TestUnfinishedTakesUntilTheEnd(t *testing.T) {
	var h heard
	tap := wire.New(h.config("redis")).Tap(open())
	tap.Data(fromClient, begin(), []byte("*1\r\n$4\r\nPING\r\n"))
	tap.Done(begin().Add(time.Minute), &flow.Outcome{})
	if len(h.records) != 1 || !h.records[0].Operation.Unfinished || !h.records[0].Time.Equal(begin().Add(time.Minute)) {
		t.Errorf("%+v", h.records)
	}
}

func TestEncryptedIsNotedOnce(t *testing.T) {
	ssl := []piece{{fromClient, "\x00\x00\x00\x08\x04\xd2\x16\x2f"}, {fromBackend, "S"}, {fromClient, "\x16\x03\x01\x02\x00\x01"}}
	for _, protocol := range []string{"postgres", "auto"} {
		var h heard
		d := wire.New(h.config(protocol))
		for range 3 {
			play(d.Tap(open()), ssl)
		}
		if len(h.notes) != 1 || !strings.Contains(h.notes[0], "db encrypted: what clients ask of db") ||
			!strings.Contains(h.notes[0], "--tls decline") || h.trouble != nil || h.records != nil {
			t.Errorf("%s: notes %q, trouble %q, %d records", protocol, h.notes, h.trouble, len(h.records))
		}
	}
	var h heard
	play(wire.New(h.config("auto")).Tap(open()), ssl[2:])
	if len(h.notes) != 1 || strings.Contains(h.notes[0], "decline") {
		t.Errorf("of a client that encrypts at once: %q", h.notes)
	}
}

func TestUnknownIsNotedOnce(t *testing.T) {
	var h heard
	d := wire.New(h.config("auto"))
	for range 2 {
		play(d.Tap(open()), []piece{{fromBackend, "220 mail ESMTP\r\n"}, {fromClient, "EHLO x\r\n"}})
	}
	if len(h.notes) != 1 || !strings.Contains(h.notes[0], "was not recognised") || h.trouble != nil {
		t.Errorf("notes %q, trouble %q", h.notes, h.trouble)
	}
}

func TestTroubleIsToldOnce(t *testing.T) {
	var h heard
	d := wire.New(h.config("redis"))
	for range 2 {
		tap := d.Tap(open())
		tap.Data(fromClient, begin(), []byte("*1\r\n$4\r\nPING\r\n"))
		tap.Data(fromBackend, begin(), []byte("no RESP at all\r\n"))
		play(tap, redisSession())
	}
	if len(h.trouble) != 1 || !strings.Contains(h.trouble[0], "db: read redis of db: ") {
		t.Errorf("trouble %q", h.trouble)
	}
}

func TestNoTapWithoutDecoder(t *testing.T) {
	var h heard
	for _, protocol := range []string{"", "mongodb", "memcached", "none"} {
		if tap := wire.New(h.config(protocol)).Tap(open()); tap != nil {
			t.Errorf("%q is read by %T", protocol, tap)
		}
	}
}

// TestBothDirectionsAtOnce is for the race detector.
func TestBothDirectionsAtOnce(t *testing.T) {
	var h heard
	tap := wire.New(h.config("auto")).Tap(open())
	tap.Data(fromClient, begin(), []byte("*1\r\n$4\r\nPING\r\n"))
	var both sync.WaitGroup
	both.Go(func() {
		for range 1000 {
			tap.Data(fromClient, begin(), []byte("*1\r\n$4\r\nPING\r\n"))
		}
	})
	both.Go(func() { tap.Origin(&flow.Origin{}) })
	both.Wait()
	both.Go(func() {
		for range 1001 {
			tap.Data(fromBackend, begin(), []byte("+PONG\r\n"))
		}
	})
	both.Go(func() { tap.Shut(fromClient, begin()) })
	both.Wait()
	tap.Done(begin(), &flow.Outcome{})
	if len(h.records) != 1001 || h.trouble != nil {
		t.Errorf("%d operations, trouble %q", len(h.records), h.trouble)
	}
}

// FuzzTap: whatever two ends say, in whatever order, a session is never hurt.
func FuzzTap(f *testing.F) {
	for _, session := range [][]piece{postgresSession(), redisSession(), httpSession(), mysqlSession()} {
		var all []byte
		for _, p := range session {
			all = append(append(all, byte(p.dir), byte(len(p.bytes))), p.bytes...)
		}
		f.Add(all, uint8(0))
	}
	f.Fuzz(func(t *testing.T, all []byte, which uint8) {
		var h heard
		protocols := []string{"auto", "postgres", "mysql", "redis", "http"}
		tap := wire.New(h.config(protocols[int(which)%len(protocols)])).Tap(open())
		redactor := wire.NewRedactors(h.config(protocols[int(which)%len(protocols)])).For("db", secrets())
		for len(all) > 2 {
			dir, n := flow.Direction(all[0]&1), min(int(all[1]), len(all)-2)
			b := all[2 : 2+n]
			switch all[0] >> 1 & 7 {
			case 6:
				tap.Skipped(dir, begin(), uint64(n))
				redactor.Skip(dir, uint64(n))
			case 7:
				tap.Answered(begin(), uint64(all[1]), b)
				redactor.Answered(uint64(all[1]), b)
			default:
				tap.Data(dir, begin(), b)
				redactor.Redact(dir, slices.Clone(b))
			}
			all = all[2+n:]
		}
		tap.Done(begin(), &flow.Outcome{})
		for _, said := range h.trouble {
			if strings.Contains(said, "mistake in lodoor") {
				t.Fatal(said)
			}
		}
	})
}
