package gate

import (
	"fmt"
	"strconv"

	"github.com/lodoor/lodoor/proxy/flow"
)

// objection is what a gate has against what it saw.
type objection struct {
	cause  flow.Cause
	reason string
}

// malformed objects to something that is not the service's protocol, or that two readers could understand in two ways.
func malformed(format string, args ...any) *objection {
	return &objection{flow.CauseProtocol, fmt.Sprintf(format, args...)}
}

// foreign objects to a request for somebody else, or from somebody else's page.
func foreign(format string, args ...any) *objection {
	return &objection{flow.CauseHost, fmt.Sprintf(format, args...)}
}

// quoteMax is how many bytes of a client are told at most of each thing.
const quoteMax = 120

// quote makes bytes of a client fit for a reason: ASCII alone, escaped, bounded.
func quote[T string | []byte](b T) string {
	if len(b) > quoteMax {
		return strconv.QuoteToASCII(string(b[:quoteMax])) + "..."
	}
	return strconv.QuoteToASCII(string(b))
}
