package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

// Bounds of an attempt.
const (
	connectWithin = 2 * time.Second
	holdFor       = 200 * time.Millisecond // long beside what a server needs to greet or to refuse
	acceptWithin  = 2 * time.Second
	greetingMost  = 512
)

// try makes one attempt. It says nothing to the server.
func try(ctx context.Context, a Attempt, network, address string) Attempt {
	if ctx.Err() != nil {
		a.Outcome = NotTried
		return a
	}
	var port uint16
	dialer := net.Dialer{Timeout: connectWithin, Control: bindFirst(&port)}
	began := time.Now()
	c, err := dialer.DialContext(ctx, network, address)
	a.Took = time.Since(began)
	if err != nil {
		a.failed(err, port)
		return a
	}
	defer c.Close()
	a.Outcome = Connected
	if from, ok := c.LocalAddr().(*net.TCPAddr); ok {
		from := from.AddrPort()
		a.From = netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
	}
	a.hold(c)
	if a.After == StaysOpen && a.Greeted == 0 && a.waits(ctx) {
		a.After = NotAccepted
	}
	return a
}

// failed says what an error means. A reset that comes so soon that it shows while connecting is one of a connection
// that was made: what takes none refuses it (RFC 9293, section 3.5.2; tcp(7)).
func (a *Attempt) failed(err error, port uint16) {
	a.Outcome, a.Error = outcomeOf(err), errorWords(err)
	var timeout net.Error
	switch {
	case a.Outcome == Reset:
		a.Outcome, a.After = Connected, ResetThen
		if port != 0 {
			a.From = netip.AddrPortFrom(netip.IPv4Unspecified(), port)
		}
	case a.Outcome == Failed && errors.As(err, &timeout) && timeout.Timeout():
		a.Outcome = TimedOut
	}
}

// hold looks at what comes, and whether the connection stays.
func (a *Attempt) hold(c net.Conn) {
	_ = c.SetReadDeadline(time.Now().Add(holdFor)) // only a closed connection refuses
	buf := make([]byte, greetingMost)
	n := 0
	var err error
	for err == nil && n < len(buf) {
		var more int
		more, err = c.Read(buf[n:])
		n += more
	}
	a.Greeted, a.Greeting, a.Complaint = n, readable(buf[:n]), isComplaint(buf[:n])
	switch {
	case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
		a.After = StaysOpen
	case errors.Is(err, io.EOF):
		a.After = ClosedThen
	default:
		a.After = ResetThen
	}
}

// waits says whether the connection is still in the accept queue after a time in which any server that works takes it.
// The kernel knows: a socket that nobody has accepted has no inode. Where it does not tell, the answer is no.
func (a *Attempt) waits(ctx context.Context) bool {
	if !a.Own || !a.From.IsValid() {
		return false
	}
	kernel, err := sockdiag.Open()
	if err != nil {
		return false
	}
	defer kernel.Close() //nolint:errcheck // nothing was written
	tick := time.NewTicker(holdFor / 10)
	defer tick.Stop()
	for late := time.After(acceptWithin); ; {
		s, err := kernel.Lookup(a.Addr, a.From, 0)
		if err != nil || s.State != sockdiag.Established || s.Inode != 0 {
			return false
		}
		select {
		case <-tick.C:
		case <-late:
			return true
		case <-ctx.Done():
			return false // it had less time than any server may need
		}
	}
}

// errorWords are the system's own words, without the addresses that stand beside them anyway.
func errorWords(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}
