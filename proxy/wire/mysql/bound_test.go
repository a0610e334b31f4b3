package mysql_test

import (
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// TestTextsHaveABound: a client that sends long statements without end and reads no answers, or prepares them without
// end, gets no memory for that; once they are answered, texts are told again.
func TestTextsHaveABound(t *testing.T) {
	const bound = 1 << 20
	long := strings.Repeat("a", flow.OperationTextMax-20)
	last := func(r told) string {
		t.Helper()
		if r.err != nil {
			t.Fatal(r.err)
		}
		return line(r.ops[len(r.ops)-1])
	}
	got := decode(loggedIn(usual, strings.Repeat(packet(0, "\x03DO "+long), 1000), strings.Repeat(ok(1, 0, 2), 1000),
		packet(0, "\x03DO 1"), ok(1, 0, 2)), flow.StatementsText)
	bytes := 0
	for _, o := range got.ops {
		bytes += len(o.Text)
	}
	if want := `DO "DO 1" rows=0 transaction=idle db=shop`; last(got) != want || bytes > bound || bytes < bound/2 {
		t.Errorf("%d bytes of text waited; then %s", bytes, last(got))
	}

	var turns []string
	for id := range uint32(1000) {
		turns = append(turns, packet(0, "\x16DO "+long), packet(1, "\x00"+u32(id)+u16(0)+u16(0)+"\x00"+u16(0)))
	}
	execute := func(id uint32) string { return packet(0, "\x17"+u32(id)+"\x00"+u32(1)) }
	first := decode(loggedIn(usual, append(turns, execute(0), ok(1, 0, 2))...), flow.StatementsText)
	if s := last(first); !strings.Contains(s, long) {
		t.Errorf("the first one prepared is told as %.60s", s)
	}
	beyond := append(turns, execute(999), ok(1, 0, 2))
	if s := last(decode(loggedIn(usual, beyond...), flow.StatementsText)); strings.Contains(s, long) {
		t.Errorf("there is no bound: %.60s", s)
	}
	for id := range uint32(1000) { // those that are closed make room
		turns = append(turns, packet(0, "\x19"+u32(id)), "")
	}
	turns = append(turns, packet(0, "\x16DO 2, "+long), packet(1, "\x00"+u32(7)+u16(0)+u16(0)+"\x00"+u16(0)), execute(7), ok(1, 0, 2))
	if s := last(decode(loggedIn(usual, turns...), flow.StatementsText)); !strings.Contains(s, "DO 2, "+long) {
		t.Errorf("behind closed ones %.60s", s)
	}
}
