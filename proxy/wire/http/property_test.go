package http

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

// conversations draws what goes on on a connection: cases of the tables, one behind the other, and now and then a byte
// too few or too many.
func conversations() *rapid.Generator[[]step] {
	var all [][]step
	for _, tc := range talkCases() {
		all = append(all, tc.steps)
	}
	for _, tc := range redactCases() {
		all = append(all, tc.steps)
	}
	return rapid.Custom(func(t *rapid.T) (steps []step) {
		for range rapid.IntRange(1, 3).Draw(t, "cases") {
			steps = append(steps, rapid.SampledFrom(all).Draw(t, "case")...)
		}
		for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "mutations") {
			steps = slices.Clone(steps)
			at := &steps[rapid.IntRange(0, len(steps)-1).Draw(t, "step")]
			i := rapid.IntRange(0, len(at.b)).Draw(t, "at")
			skip := rapid.IntRange(0, min(2, len(at.b)-i)).Draw(t, "skip")
			with := rapid.SampledFrom([]string{"", "\r", "\n", "\r\n", " ", ":", "0", ";", "?", "&token=", "%", "\"", "\r\n ", "//"}).Draw(t, "with")
			at.b = slices.Concat(at.b[:i], []byte(with), at.b[i+skip:])
		}
		return steps
	})
}

func redactions() *rapid.Generator[flow.Redaction] {
	return rapid.Custom(func(t *rapid.T) flow.Redaction {
		flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
		return flow.Redaction{Authentication: flag("authentication"), Parameters: flag("parameters"), Rows: flag("rows")}
	})
}

// However the bytes are cut, the operations, what is kept and the messages are the same.
func TestCutsDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := conversations().Draw(t, "conversation")
		how := rapid.SampledFrom([]flow.Statements{flow.StatementsFingerprint, flow.StatementsText, flow.StatementsOff}).Draw(t, "statements")
		same(t, how, redactions().Draw(t, "redaction"), steps, cut(t, steps))
	})
}

func same(t rapid.TB, how flow.Statements, what flow.Redaction, steps, pieces []step) {
	t.Helper()
	one, err := decode(how, steps)
	other, err2 := decode(how, pieces)
	if (err == nil) != (err2 == nil) {
		t.Fatalf("error %v at once, %v in pieces", err, err2)
	}
	if err == nil {
		if diff := cmp.Diff(one, other); diff != "" {
			t.Fatalf("operations differ: %s", diff)
		}
	}
	kept, ok := redact(what, steps)
	kept2, ok2 := redact(what, pieces)
	if ok != ok2 || ok && kept != kept2 {
		t.Fatalf("kept %q, %v at once, %q, %v in pieces", kept, ok, kept2, ok2)
	}
	messages, err := split(steps)
	messages2, err2 := split(pieces)
	if (err == nil) != (err2 == nil) || !slices.Equal(messages, messages2) {
		t.Fatalf("messages %q, %v at once, %q, %v in pieces", messages, err, messages2, err2)
	}
}

// What a redactor leaves has the same framing as what came: the same requests, the same responses.
func TestRedactedReadsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps, what := conversations().Draw(t, "conversation"), redactions().Draw(t, "redaction")
		ops, err := decode(flow.StatementsOff, steps)
		if err != nil {
			t.Skip("no HTTP")
		}
		var kept []step
		r := NewRedactor(what)
		for _, st := range steps {
			b := bytes.Clone(st.b)
			if !r.Redact(st.dir, b) {
				t.Skip("not redactable")
			}
			kept = append(kept, step{st.dir, b})
		}
		again, err := decode(flow.StatementsOff, kept)
		if err != nil {
			t.Fatalf("%v: %v", err, kept)
		}
		for _, list := range [][]*flow.Operation{ops, again} {
			for _, op := range list {
				op.Application, op.Auth = "", "" // with a parameter in one, or in a line that is no field
			}
		}
		if diff := cmp.Diff(ops, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

// fuzzed reads a fuzzed input: parts between bytes of 0, of which the first byte says whose they are.
func fuzzed(data []byte) (steps []step) {
	for part := range bytes.SplitSeq(data, []byte("\x00")) {
		if len(part) > 1 {
			steps = append(steps, step{flow.Direction(part[0] & 1), part[1:]})
		}
	}
	return steps
}

func seed(f *testing.F) {
	add := func(steps []step) {
		var b bytes.Buffer
		for _, st := range steps {
			b.WriteByte(0)
			b.WriteByte('0' + byte(st.dir))
			b.Write(bytes.ReplaceAll(st.b, []byte{0}, []byte{1}))
		}
		f.Add(b.Bytes(), uint8(7))
	}
	for _, tc := range talkCases() {
		if tc.name != "long" {
			add(tc.steps)
		}
	}
	for _, tc := range redactCases() {
		add(tc.steps)
	}
	add([]step{c("\x16\x03\x01")})
	add([]step{c("\r\x16")}) // which is no TLS
}

// FuzzDecoder looks for bytes on which the decoder panics, tells more bytes than came, or depends on cuts.
func FuzzDecoder(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte, flags uint8) {
		steps := fuzzed(data)
		same(t, flow.Statements(flags%3), flow.Redaction{}, steps, bytewise(steps))
		ops, _ := decode(flow.StatementsText, steps)
		var told, came uint64
		for _, op := range ops {
			told += op.FromClient + op.FromBackend
			if len(op.Text) > flow.OperationTextMax || len(op.Error) > flow.OperationErrorMax {
				t.Errorf("a text of %d bytes, an error of %d", len(op.Text), len(op.Error))
			}
		}
		for _, st := range steps {
			came += uint64(len(st.b))
		}
		if told > came {
			t.Errorf("%d bytes in operations, %d came", told, came)
		}
	})
}

// FuzzRedactor looks for bytes on which the redactor panics, depends on cuts, or lets a password of the first request
// through.
func FuzzRedactor(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte, flags uint8) {
		steps := fuzzed(data)
		what := flow.Redaction{Authentication: flags&1 != 0, Parameters: flags&2 != 0, Rows: flags&4 != 0}
		kept, ok := redact(what, steps)
		kept2, ok2 := redact(what, bytewise(steps))
		if ok != ok2 || ok && kept != kept2 {
			t.Fatalf("kept %q, %v at once, %q, %v byte by byte", kept, ok, kept2, ok2)
		}
		first := c("GET / HTTP/1.1\nAuthorization: Basic " + secret + "\n\n")
		kept, _ = redact(flow.Redaction{Authentication: true}, append([]step{first}, steps...))
		if at := min(len(first.b), len(kept[0])); bytes.Contains([]byte(kept[0][:at]), []byte(secret)) {
			t.Error("a password was kept")
		}
	})
}
