package http

import (
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// TestTextsHaveABound: a client that sends long targets without end and reads no answers gets no memory for that; once
// they are answered, texts are told again.
func TestTextsHaveABound(t *testing.T) {
	long := c("GET /" + strings.Repeat("v", flow.OperationTextMax) + " HTTP/1.1\n\n")
	var steps []step
	for range 1000 {
		steps = append(steps, long)
	}
	answer := "HTTP/1.1 204 No Content\n\n"
	steps = append(steps, s(strings.Repeat(answer, 1000)), c("GET /k HTTP/1.1\n\n"), s(answer))
	ops, err := decode(flow.StatementsText, steps)
	if err != nil || len(ops) != 1001 {
		t.Fatalf("%d operations, %v", len(ops), err)
	}
	bytes := 0
	for _, op := range ops[:1000] {
		bytes += len(op.Text)
		if !op.Cut || op.Name != "GET" || op.Fingerprint == 0 {
			t.Fatalf("%+v", op)
		}
	}
	if last := ops[1000]; bytes > waitingTextMax || bytes < waitingTextMax/2 || last.Text != "/k" || last.Cut {
		t.Errorf("%d bytes of text waited; then %q, cut %t", bytes, last.Text, last.Cut)
	}
}
