package lane

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/lodoor/lodoor/proxy/flow"
)

// cause is how a session ended, and by whom.
type cause struct {
	end    flow.End
	by     flow.Side
	detail string
}

// ownEnd is an end that lodoor chose: a kill, or a timeout of its own.
type ownEnd flow.End

func (e ownEnd) Error() string { return flow.End(e).String() }

// Is has a kill seen as [ErrKilled].
func (e ownEnd) Is(target error) bool { return target == ErrKilled }

// causeOf is the only place that turns what a socket or a timer said into the end of a session. side is whose socket
// said it. Reset and closed are outcomes: only what is neither has a detail.
func causeOf(err error, side flow.Side) cause {
	if err == nil || errors.Is(err, io.EOF) {
		return cause{end: flow.EndFIN, by: side}
	}
	var own ownEnd
	var refused refusal
	switch {
	case errors.As(err, &refused):
		return cause{end: flow.EndDenied, by: flow.SideLodoor, detail: refused.Error()}
	case errors.As(err, &own):
		return cause{end: flow.End(own), by: flow.SideLodoor}
	case isUserTimeout(err):
		return cause{end: flow.EndUserTimeout, by: side}
	case isReset(err), errors.Is(err, os.ErrClosed), errors.Is(err, net.ErrClosed):
		return cause{end: flow.EndReset, by: side}
	default:
		return cause{end: flow.EndIOError, by: side, detail: err.Error()}
	}
}

// errUntaken is how a client fails that has no room for a few bytes although the backend has sent it nothing.
var errUntaken = errors.New("the client took nothing of lodoor's answer, or a part of it only")

// unanswered is what the failure to write an answer to the client means: that a FIN came ahead of a reset makes no
// difference, since nothing of what the client sent goes on any more.
func unanswered(err error) error {
	if isBrokenPipe(err) {
		return syscall.ECONNRESET
	}
	return err
}

// known says whether there is a cause.
func (c cause) known() bool { return c.end != flow.EndUnknown }

// gone says whether the connection of the side that ended the session no longer exists, so that its socket only has
// what was received before.
func (c cause) gone() bool { return c.end == flow.EndReset || c.end == flow.EndUserTimeout }

// betters says whether c takes the place of old, although it came later. The kernel tells an error once; the other half
// of the session then only sees that the connection is gone, and may be the first to say so. And a client does not get
// round a refusal by resetting behind what is refused.
func (c cause) betters(old cause) bool {
	if c.end == flow.EndDenied {
		return old.by != flow.SideLodoor
	}
	return old.end == flow.EndReset && c.end == flow.EndUserTimeout && c.by == old.by
}

// measured says whether the kernel's view of both legs belongs into the record.
func (c cause) measured() bool {
	return c.gone() || c.end == flow.EndIdleTimeout || c.end == flow.EndFirstByte
}
