package gate

import (
	"fmt"

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
