package journal

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

// lineOf is the line that the journal would write for a record.
func lineOf(t testing.TB, r *flow.Record) []byte {
	t.Helper()
	enc := newEncoder()
	if err := enc.encode(r); err != nil {
		t.Fatal(err)
	}
	w := &writer{at: point{41, chainStart("0123456789abcdef0123456789abcdef")}}
	w.line(&item{enc: enc})
	return w.batch
}

// anyText draws texts as peers would like to send them.
func anyText() *rapid.Generator[string] {
	nasty := rapid.SampledFrom([]string{
		"", "psql", "\n{\"seq\":1}", "\x1b[31mred\x1b[0m", "a\u009bb", "\u202egnp.exe", "\u2066x\u2069", "\u2028\u2029",
		"\ufeff", "\x7f", "\u061c", "\u200e\u200f", "\xff\xfe", "half \xe2\x82", "\U000e0041\U000e007f", "\u3164",
		"x\ufe0f", `"},"chain":"`, `,"session":{"id":"0123456789abcdef"`, "\\u0041", "\x00", "\ufffd", "Ünï ☃ 𝔘",
	})
	raw := rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 12), func(b []byte) string { return string(b) })
	return rapid.OneOf(nasty, rapid.StringN(0, 12, -1), raw)
}

func anyAddr() *rapid.Generator[netip.AddrPort] {
	return rapid.Custom(func(t *rapid.T) netip.AddrPort {
		port := rapid.Uint16().Draw(t, "port")
		if rapid.Bool().Draw(t, "v6") {
			return netip.AddrPortFrom(netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "a"))), port)
		}
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "a"))), port)
	})
}

func maybeAddr(t *rapid.T, name string) netip.AddrPort {
	if rapid.Bool().Draw(t, "has "+name) {
		return anyAddr().Draw(t, name)
	}
	return netip.AddrPort{}
}

func anyTime() *rapid.Generator[time.Time] {
	return rapid.Map(rapid.Int64Range(0, 1<<62), func(n int64) time.Time { return time.Unix(0, n).UTC() })
}

func anyDuration() *rapid.Generator[time.Duration] {
	return rapid.Map(rapid.Int64Min(0), func(n int64) time.Duration { return time.Duration(n) })
}

// enum draws one of the values below n, which is behind the last.
func enum[T ~uint8](t *rapid.T, name string, n T) T {
	return T(rapid.IntRange(0, int(n)-1).Draw(t, name))
}

func maybe[T any](t *rapid.T, name string, draw func(*rapid.T) T) *T {
	if !rapid.Bool().Draw(t, "has "+name) {
		return nil
	}
	v := draw(t)
	return &v
}

func drawText(t *rapid.T, name string) string { return anyText().Draw(t, name) }

func drawPeer(t *rapid.T) flow.Peer {
	p := flow.Peer{
		Zone: enum(t, "zone", flow.ZonePublic+1), Proof: enum(t, "proof", flow.ProofAddress+1),
		Interface: drawText(t, "interface"), Conveyed: maybe(t, "conveyed", drawConveyed),
	}
	if rapid.Bool().Draw(t, "unix") {
		p.Path = "/" + drawText(t, "path")
		return p
	}
	p.Addr, p.Front = maybeAddr(t, "addr"), maybeAddr(t, "front")
	return p
}

func drawEndpoint(t *rapid.T) flow.Endpoint {
	switch rapid.IntRange(0, 3).Draw(t, "endpoint") {
	case 0:
		return flow.Endpoint{Path: "/" + drawText(t, "path")}
	case 1:
		return flow.Endpoint{Path: "@" + drawText(t, "path")}
	case 2:
		return flow.Endpoint{Port: rapid.Uint16Min(1).Draw(t, "port")}
	default:
		return flow.Endpoint{Host: "h" + drawText(t, "host"), Port: rapid.Uint16().Draw(t, "port")}
	}
}

func drawVerdict(t *rapid.T) flow.Verdict {
	return flow.Verdict{
		Action: enum(t, "action", flow.WouldDeny+1), Cause: enum(t, "cause", flow.CauseHost+1),
		Rule: drawText(t, "rule"), Reason: drawText(t, "reason"),
	}
}

func drawTCP(t *rapid.T) flow.TCPInfo {
	n := rapid.Uint32()
	return flow.TCPInfo{
		RTT: anyDuration().Draw(t, "rtt"), Retransmits: n.Draw(t, "again"), Unsent: n.Draw(t, "out"),
		Unread: n.Draw(t, "in"),
	}
}

func drawOutcome(t *rapid.T) flow.Outcome {
	n := rapid.Uint64()
	o := flow.Outcome{
		Known: rapid.Bool().Draw(t, "known"), Lane: drawText(t, "lane"), Tapped: rapid.Bool().Draw(t, "tapped"),
		Recorded: rapid.Bool().Draw(t, "recorded"),
		Leg:      maybeAddr(t, "leg"), Server: maybeAddr(t, "server"), End: enum(t, "end", flow.EndIOError+1),
		EndedBy: enum(t, "side", flow.SideLodoor+1), Detail: drawText(t, "detail"),
		Refused:   maybe(t, "refused", drawVerdict),
		ClientTCP: maybe(t, "client tcp", drawTCP), BackendTCP: maybe(t, "backend tcp", drawTCP),
	}
	if o.Known {
		o.FromClient, o.FromBackend = n.Draw(t, "up"), n.Draw(t, "down")
		o.Duration, o.Dial = anyDuration().Draw(t, "duration"), anyDuration().Draw(t, "dial")
		o.FirstByte = anyDuration().Draw(t, "first byte")
	}
	if o.Known && o.Recorded {
		o.TapKept, o.TapSkipped = n.Draw(t, "kept"), n.Draw(t, "skipped")
	}
	return o
}

func drawRefusal(t *rapid.T) flow.Refusal {
	return flow.Refusal{
		Count: rapid.Uint64().Draw(t, "count"), Distinct: rapid.Uint64().Draw(t, "distinct"),
		DistinctCapped: rapid.Bool().Draw(t, "capped"), Tripwire: rapid.Bool().Draw(t, "tripwire"),
		Sample: rapid.SliceOfN(anyAddr(), 0, 3).Draw(t, "sample"),
	}
}

func drawAlert(t *rapid.T) flow.Alert {
	return flow.Alert{
		Condition: drawText(t, "condition"), Severity: enum(t, "severity", flow.SeverityCritical+1),
		Zone: enum(t, "zone", flow.ZonePublic+1), Count: rapid.Uint64().Draw(t, "count"),
		First: anyTime().Draw(t, "first"), Last: anyTime().Draw(t, "last"), Repeat: rapid.Bool().Draw(t, "repeat"),
		Observed: rapid.Bool().Draw(t, "observed"), Message: drawText(t, "message"),
		Sample: rapid.SliceOfN(anyAddr(), 0, 3).Draw(t, "sample"), Resolved: rapid.Bool().Draw(t, "resolved"),
		Silenced: rapid.Bool().Draw(t, "silenced"), ID: rapid.SampledFrom([]string{"", randomHex(8)}).Draw(t, "id"),
		Forwarder: drawText(t, "forwarder"), Program: drawText(t, "program"), By: drawLabels(t),
	}
}

func drawConfig(t *rapid.T) flow.Config {
	return flow.Config{
		Hash: drawText(t, "hash"), Source: drawText(t, "source"), Error: drawText(t, "error"),
		Services: rapid.SliceOfN(anyText(), 0, 3).Draw(t, "services"),
	}
}

// drawLabels draws them in an order that no sorting would give.
func drawLabels(t *rapid.T) (list []flow.Label) {
	names := rapid.Permutation([]string{"service", "origin.program", "client.address"}).Draw(t, "names")
	for _, name := range names[:rapid.IntRange(0, len(names)).Draw(t, "labels")] {
		list = append(list, flow.Label{Name: name, Value: drawText(t, name)})
	}
	return list
}

func drawHost(t *rapid.T) flow.Host {
	return flow.Host{Name: drawText(t, "host"), ID: drawText(t, "host id")}
}

func drawBeat(t *rapid.T) flow.Beat {
	n := rapid.Uint64()
	return flow.Beat{
		Open: n.Draw(t, "open"), Sessions: n.Draw(t, "sessions"), Refused: n.Draw(t, "refused"),
		Dropped: n.Draw(t, "dropped"), Uptime: anyDuration().Draw(t, "uptime"), Config: drawText(t, "config hash"),
		Without:  rapid.SliceOfN(anyText(), 0, 3).Draw(t, "without"),
		Services: rapid.SliceOfN(anyText(), 0, 3).Draw(t, "services"),
	}
}

func drawJournal(t *rapid.T) flow.Journal {
	n := rapid.Uint64()
	return flow.Journal{
		ID: randomHex(16), Epoch: randomHex(8), Version: drawText(t, "version"),
		PID: rapid.IntRange(0, 1<<22).Draw(t, "pid"), Segment: drawText(t, "segment"), First: n.Draw(t, "first"),
		Last: n.Draw(t, "last"), Head: chainStart("x").String(), Count: n.Draw(t, "count"), Bytes: n.Draw(t, "bytes"),
		Reason: drawText(t, "reason"),
	}
}

// drawOperation draws one that ended at a time.
func drawOperation(end time.Time) func(*rapid.T) flow.Operation {
	return func(t *rapid.T) flow.Operation {
		word := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
		n := rapid.Uint64()
		o := flow.Operation{
			Protocol: word("protocol", "postgres", "mysql", "redis", "http"), User: drawText(t, "user"),
			Application: drawText(t, "application"), Auth: drawText(t, "auth"), Name: drawText(t, "name"),
			Text: drawText(t, "text"), Cut: rapid.Bool().Draw(t, "cut"), Fingerprint: n.Draw(t, "fingerprint"),
			Failed: rapid.Bool().Draw(t, "failed"), Error: drawText(t, "error"), Rows: -1,
			FromClient: n.Draw(t, "up"), FromBackend: n.Draw(t, "down"),
			Started: end.Add(-time.Duration(rapid.Int64Range(0, end.UnixNano()).Draw(t, "took"))),
			Asked:   anyDuration().Draw(t, "asked"), FirstByte: anyDuration().Draw(t, "first byte"),
			LastByte:    anyDuration().Draw(t, "last byte"),
			Transaction: word("transaction", "", "idle", "active", "failed"), Kind: word("kind", "", "copy", "login"),
			Unfinished: rapid.Bool().Draw(t, "unfinished"),
		}
		if o.Protocol == protocolHTTP {
			o.Status = word("status", "", "200", "404")
			return o
		}
		o.System, o.Namespace, o.Status = word("system", "", "postgresql"), drawText(t, "namespace"), drawText(t, "status")
		o.Rows = rapid.Int64Min(-1).Draw(t, "rows")
		if rapid.Bool().Draw(t, "changes") {
			o.Name = "UPDATE"
		}
		return o
	}
}

// drawRecord draws a record with any parts: what an event has is no matter of the encoding.
func drawRecord(t *rapid.T) flow.Record {
	r := flow.Record{
		Time: anyTime().Draw(t, "time"), Event: 1 + enum(t, "event", flow.EventOperation),
		Service: drawText(t, "service"), Peer: maybe(t, "peer", drawPeer), Origin: maybe(t, "origin", drawOrigin),
		Backend: maybe(t, "backend", drawEndpoint), Verdict: maybe(t, "verdict", drawVerdict),
		Outcome: maybe(t, "outcome", drawOutcome), Refusal: maybe(t, "refusal", drawRefusal),
		Alert: maybe(t, "alert", drawAlert), Config: maybe(t, "config", drawConfig),
		Journal: maybe(t, "journal", drawJournal), Host: maybe(t, "host", drawHost), Beat: maybe(t, "beat", drawBeat),
	}
	if r.Outcome == nil {
		r.Operation = maybe(t, "operation", drawOperation(r.Time))
	}
	if rapid.Bool().Draw(t, "has session") {
		r.Session = flow.NewSessionID()
	}
	return r
}

func same(a, b flow.Record) string {
	return cmp.Diff(a, b, cmp.Comparer(func(x, y netip.AddrPort) bool { return x == y }), cmpopts.EquateEmpty())
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		enc := newEncoder()
		if err := enc.encode(&r); err != nil {
			t.Fatal(err)
		}
		w := &writer{at: point{41, chainStart("x")}}
		w.line(&item{enc: enc})
		if problem := badLine(w.batch); problem != "" {
			t.Fatalf("%s: %q", problem, w.batch)
		}
		strictly(t, w.batch)
		e, err := Decode(w.batch)
		if err != nil {
			t.Fatalf("%v: %q", err, w.batch)
		}
		if diff := same(told(r), e.Record); diff != "" {
			t.Fatalf("%s\n%s", w.batch, diff)
		}
		h, ok := parseHead(w.batch[:len(w.batch)-1])
		if !ok || h.seq != 42 || h.event != r.Event || h.session() != r.Session ||
			string(h.time) != r.Time.Format(timeFormat) || !h.follows(point{41, chainStart("x")}, &hasher{}) {
			t.Fatalf("head %+v of %q", h, w.batch)
		}
	})
}

// strictly fails when a line has a member that the wire types do not have.
func strictly(t interface{ Fatalf(string, ...any) }, line []byte) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(new(wireRecord)); err != nil {
		t.Fatalf("%v: %q", err, line)
	}
}

// badLine says what is wrong with a line that is to be safe in a file and on a terminal.
func badLine(line []byte) string {
	text, ended := bytes.CutSuffix(line, []byte("\n"))
	switch {
	case !ended:
		return "no newline at its end"
	case !json.Valid(text):
		return "not JSON"
	case !utf8.Valid(text):
		return "not UTF-8"
	}
	for _, r := range string(text) {
		switch {
		case r < 0x20 || r == 0x7f || r >= 0x80 && r <= 0x9f:
			return "a control character"
		case r == 0x061c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return "a bidirectional control"
		case r == 0x2028 || r == 0x2029:
			return "a line separator"
		case r == 0xfeff || r == 0x200b || r == 0x00ad || r >= 0xe0000 && r <= 0xe0fff || r == 0x3164 || r == 0xfe0f:
			return "an invisible character"
		}
	}
	return ""
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		in, want string
		broken   bool
	}{
		{in: "", want: `""`},
		{in: "psql", want: `"psql"`},
		{in: `a"b\c`, want: `"a\"b\\c"`},
		{in: "a\nb\x1b[31m\x00\x7f", want: `"a\u000ab\u001b[31m\u0000\u007f"`},
		{in: "\u0085\u009b", want: `"\u0085\u009b"`},
		{in: "\u061c\u200e\u200f\u202a\u202e\u2066\u2069", want: `"\u061c\u200e\u200f\u202a\u202e\u2066\u2069"`},
		{in: "\u2028\u2029\ufeff\u00ad\u200b", want: `"\u2028\u2029\ufeff\u00ad\u200b"`},
		{in: "\U000e0041", want: `"\udb40\udc41"`},
		{in: "☃\ufe0f", want: `"☃\ufe0f"`},
		{in: "a\u00a0b", want: `"a\u00a0b"`},
		{in: "naïve 日本 𝔘", want: `"naïve 日本 𝔘"`},
		{in: "\ufffd", want: "\"\ufffd\""},
		{in: "a\xffb", want: `"a\ufffdb"`, broken: true},
		{in: "\xe2\x82", want: `"\ufffd\ufffd"`, broken: true},
	} {
		got, whole := appendText(nil, c.in)
		if string(got) != c.want || whole == c.broken {
			t.Errorf("%q: %s, whole %v; want %s, whole %v", c.in, got, whole, c.want, !c.broken)
		}
	}
}

func TestUnknownIsAbsent(t *testing.T) {
	r := closed(flow.NewSessionID())
	r.Origin = &flow.Origin{UID: 0, PID: 7, Program: "x"}
	r.Outcome = &flow.Outcome{End: flow.EndCrashRecovered}
	line := string(lineOf(t, &r))
	for _, key := range []string{`"process"`, `"bytes_from`, `"duration_ns"`, `"dial_ns"`, `"first_byte_ns"`, `"program"`} {
		if strings.Contains(line, key) {
			t.Errorf("%s stands for what is not known: %s", key, line)
		}
	}
	r.Origin.Attribution = flow.AttributionUIDOnly
	if line := string(lineOf(t, &r)); !strings.Contains(line, `"user":{"id":0}`) {
		t.Errorf("root is not told: %s", line)
	}
}

func TestBeatsTellTheirZeros(t *testing.T) {
	line := string(lineOf(t, &flow.Record{Event: flow.EventJournalHeartbeat, Beat: &flow.Beat{}}))
	if want := `"heartbeat":{"open":0,"sessions":0,"refused":0,"dropped":0,"uptime_ns":0}`; !strings.Contains(line, want) {
		t.Errorf("%s\ndoes not have %s", line, want)
	}
}

func TestLabelsKeepTheirOrder(t *testing.T) {
	by := []flow.Label{{Name: "service", Value: "b\x1b"}, {Name: "client.address"}, {Name: "origin.program", Value: "a\xff"}}
	line := string(lineOf(t, &flow.Record{Event: flow.EventAlert, Alert: &flow.Alert{By: by}}))
	want := `"by":{"service":"b\u001b","client.address":"","origin.program":"a\ufffd","origin.program_base64":"Yf8="}`
	if !strings.Contains(line, want) {
		t.Errorf("%s\ndoes not have %s", line, want)
	}
	for _, bad := range []string{`[]`, `{"a":1}`, `{"a":"x","a_base64":"?"}`} {
		if _, err := Decode([]byte(`{"seq":1,"event":"alert","alert":{"severity":"info","by":` + bad + `}}`)); err == nil {
			t.Errorf("by %s is taken", bad)
		}
	}
}

// FuzzLine gives one text to every field that a peer, or who it runs as, can influence.
func FuzzLine(f *testing.F) {
	f.Add("psql", []byte{127, 0, 0, 1})
	f.Add("\n{\"seq\":1}\x1b[2J\u009b\u202e\u2028\xff", []byte(nil))
	f.Add("\U000e0001\u3164\u200b", bytes.Repeat([]byte{0xfe}, 16))
	f.Fuzz(func(t *testing.T, s string, address []byte) {
		addr, _ := netip.AddrFromSlice(address)
		r := closed(flow.NewSessionID())
		r.Time, r.Service = r.Time.Round(0).UTC(), s
		r.Peer.Interface, r.Origin.User, r.Origin.Program, r.Outcome.Detail, r.Outcome.Lane = s, s, s, s, s
		r.Event = flow.EventSessionRefused // a close does not have all of a process
		r.Origin.Process, r.Origin.Forwarder = sayAll(r.Origin, s), &flow.Forwarder{Name: s, Reason: s}
		r.Origin.Holders = []*flow.Process{{PID: 1, Program: s, User: s}, r.Origin.Process}
		r.Backend = &flow.Endpoint{Path: "/" + s}
		r.Verdict = &flow.Verdict{Rule: s, Reason: s}
		r.Alert = &flow.Alert{Condition: s, Message: s, Forwarder: s, Program: s, By: []flow.Label{{Name: "service", Value: s}}}
		r.Config = &flow.Config{Source: s, Error: s, Services: []string{s}}
		r.Host, r.Beat = &flow.Host{Name: s, ID: s}, &flow.Beat{Without: []string{"x", s}, Services: []string{s}}
		r.Journal = &flow.Journal{Reason: s}
		r.Outcome.Server = netip.AddrPort{}
		if addr.IsValid() {
			r.Peer.Addr = netip.AddrPortFrom(addr, 1)
			r.Refusal = &flow.Refusal{Sample: []netip.AddrPort{r.Peer.Addr}}
		}
		line := lineOf(t, &r)
		if problem := badLine(line); problem != "" {
			t.Fatalf("%s: %q", problem, line)
		}
		e, err := Decode(line)
		if err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		if diff := same(told(r), e.Record); diff != "" && len(s) <= nameMax {
			t.Fatal(diff)
		}
		fuzzOperation(t, s)
	})
}

// operationOf has a text in every field that comes from the ends of a session.
func operationOf(protocol, s string) flow.Record {
	r := flow.Record{Time: time.Unix(1_700_000_000, 0).UTC(), Event: flow.EventOperation, Service: "db"}
	r.Operation = &flow.Operation{
		Protocol: protocol, User: s, Application: s, Auth: s, Name: s, Text: s, Failed: true, Error: s, Rows: -1, Started: r.Time,
	}
	if protocol != protocolHTTP {
		r.Operation.System, r.Operation.Namespace, r.Operation.Status = s, s, s
	}
	return r
}

func fuzzOperation(t *testing.T, s string) {
	for _, protocol := range []string{"redis", protocolHTTP} {
		r := operationOf(protocol, s)
		line := lineOf(t, &r)
		if problem := badLine(line); problem != "" {
			t.Fatalf("%s: %q", problem, line)
		}
		e, err := Decode(line)
		if err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		if diff := same(r, e.Record); diff != "" && len(s) <= nameMax {
			t.Fatal(diff)
		}
	}
}

// TestOperationsHaveABound: however long what the ends of a session say is, and whatever it is, a line with it is not
// long: not more than what of it may be told, each byte as an escape and in base64.
func TestOperationsHaveABound(t *testing.T) {
	const most = (flow.OperationTextMax + flow.OperationErrorMax + 9*nameMax) * (len(`\\ufffd`) + 2)
	for _, b := range []string{"\xff", "\x00", "\u202e"} {
		for _, protocol := range []string{"postgres", protocolHTTP} {
			r := operationOf(protocol, strings.Repeat(b, 1<<20))
			if n := len(lineOf(t, &r)); n > most {
				t.Errorf("%s of %q: a line of %d bytes, expected at most %d", protocol, b, n, most)
			}
		}
	}
}

// FuzzDecode reads what somebody may have written into a segment.
func FuzzDecode(f *testing.F) {
	r := closed(flow.NewSessionID())
	f.Add(lineOf(f, &r))
	f.Add([]byte(`{"seq":1,"time":"x"}`))
	f.Fuzz(func(_ *testing.T, line []byte) {
		_, _ = Decode(line)
		if h, ok := parseHead(line); ok {
			_, _ = h.point()
			_ = h.session()
		}
	})
}
