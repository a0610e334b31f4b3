package redis

import (
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// TestTextsHaveABound: a client that sends long commands without end and reads no answers gets no memory for that; once
// they are answered, texts are told again.
func TestTextsHaveABound(t *testing.T) {
	long := command("SET", "k", strings.Repeat("v", flow.OperationTextMax))
	var steps []step
	for range 1000 {
		steps = append(steps, step{flow.FromClient, []byte(long)})
	}
	steps = append(steps, s(strings.Repeat("+OK\n", 1000)), ask("GET", "k"), s("$-1\n"))
	ops, err := decode(flow.StatementsText, steps)
	if err != nil || len(ops) != 1001 {
		t.Fatalf("%d operations, %v", len(ops), err)
	}
	bytes := 0
	for _, op := range ops[:1000] {
		bytes += len(op.Text)
		if !op.Cut || op.Name != "SET" || op.Fingerprint == 0 {
			t.Fatalf("%+v", op)
		}
	}
	if last := ops[1000]; bytes > waitingTextMax || bytes < waitingTextMax/2 || last.Text != "GET k" || last.Cut {
		t.Errorf("%d bytes of text waited; then %q, cut %t", bytes, last.Text, last.Cut)
	}
}
