package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const ruleHeader = "builtin.proxy_header"

// headed says whether a header is asked for where the session came in.
func (x *session) headed() bool { return x.settings.headed[x.front.endpoint] }

// takeHeader reads the PROXY header of a peer that is trusted to send one, and learns from it whom the peer speaks for.
func (x *session) takeHeader(lead *flow.Lead) flow.Verdict {
	h := x.settings.Header
	v := h.Trust(x.facts())
	if v.Action == flow.Need {
		if !x.search(lead) {
			return shuttingDown()
		}
		v = h.Trust(x.facts())
	}
	if v.Action != flow.Allow {
		v.Action = flow.Deny
		return v
	}
	conveyed, err := x.readHeader(h)
	switch {
	case err != nil && x.server().force.Err() != nil: // which ended the wait for it
		return shuttingDown()
	case err != nil:
		return flow.Verdict{Rule: ruleHeader, Cause: flow.CauseHeader, Reason: err.Error()}
	case conveyed != nil:
		x.learn(func(w *who) { w.conveyed = conveyed })
	}
	return v
}

// readHeader reads exactly the header: the byte behind it belongs to the backend. So it reads no more than is missing for
// sure, and looks again; what is no header it refuses at the first byte that shows it.
func (x *session) readHeader(h Header) (*flow.Conveyed, error) {
	peer := x.peer()
	if err := x.client.SetReadDeadline(time.Now().Add(h.Timeout())); err != nil {
		return nil, fmt.Errorf("read the PROXY header: %w", err)
	}
	defer context.AfterFunc(x.server().force, func() { _ = x.client.SetReadDeadline(time.Now()) })()
	var b []byte
	for {
		have := len(b)
		b = append(b, make([]byte, h.Missing(b))...)
		got, err := x.client.Read(b[have:])
		if got == 0 && err != nil {
			return nil, x.noHeader(h, have, err)
		}
		b = b[:have+got]
		n, conveyed, err := h.Parse(b, &peer)
		switch {
		case err != nil:
			return nil, err
		case n > 0:
			return conveyed, x.client.SetReadDeadline(time.Time{})
		}
	}
}

// noHeader says in a person's words why a header did not come.
func (x *session) noHeader(h Header, got int, err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("no PROXY header within %s: %d bytes came", h.Timeout(), got)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the peer closed the connection before the end of its PROXY header: %d bytes came", got)
	default:
		return fmt.Errorf("read the PROXY header: %w", err)
	}
}
