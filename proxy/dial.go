package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

const defaultDialTimeout = 5 * time.Second

// Pauses between attempts while a backend starts.
const (
	retryFirst = 20 * time.Millisecond
	retryMost  = time.Second
)

// dialer connects to one service's backend.
type dialer struct {
	backend flow.Endpoint
	// known are the addresses that need no look-up.
	known []netip.AddrPort
	Timeouts
}

// newDialer works out what is known: a bare port and localhost are 127.0.0.1, then ::1, without asking anybody.
func newDialer(backend flow.Endpoint, t Timeouts) dialer {
	d := dialer{backend: backend, Timeouts: t}
	port := backend.Port
	switch a, ok := backend.Addr(); {
	case backend.IsUnix():
	case ok:
		d.known = []netip.AddrPort{netip.AddrPortFrom(a, port)}
	case backend.Host == "" || backend.Host == "localhost":
		d.known = []netip.AddrPort{
			netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port),
			netip.AddrPortFrom(netip.IPv6Loopback(), port),
		}
	}
	return d
}

// dialError says how a dial ended, in the words of a record.
type dialError struct {
	end    flow.End
	detail string
}

func (e *dialError) Error() string { return e.detail }

// side is who ended the session.
func (e *dialError) side() flow.Side {
	switch e.end {
	case flow.EndClientGone:
		return flow.SideClient
	case flow.EndDrain, flow.EndKilled:
		return flow.SideLodoor
	default:
		return flow.SideBackend
	}
}

// stopped is a dial that lodoor gave up, with what the session is ended.
func stopped(end flow.End) *dialError {
	if end == flow.EndKilled {
		return &dialError{end, "the session was killed while the backend was being dialled"}
	}
	return &dialError{end, "lodoor stopped while the backend was being dialled"}
}

// dial connects, and repeats refused attempts for as long as the service asks. left tells whether the client is still
// there. first is how an attempt at the first known address has ended already; nil is that there was none.
func (d *dialer) dial(ctx context.Context, left func() bool, first error) (*lane.Socket, *dialError) {
	begun, pause := time.Now(), retryFirst
	for {
		s, err := d.attempt(ctx, first)
		if err == nil {
			return s, nil
		}
		first = nil
		failed := d.explain(err)
		if failed.end != flow.EndDialRefused || time.Since(begun)+pause > d.DialRetry {
			return nil, failed
		}
		select {
		case <-ctx.Done():
			return nil, stopped(flow.EndDrain)
		case <-time.After(pause):
		}
		if left() {
			return nil, &dialError{flow.EndClientGone, "the client left before the backend answered"}
		}
		pause = min(2*pause, retryMost)
	}
}

// attempt tries each of the backend's addresses once, in order; the first only when it has not failed already.
func (d *dialer) attempt(ctx context.Context, first error) (*lane.Socket, error) {
	deadline := time.Now().Add(d.Dial)
	if d.backend.IsUnix() {
		return connectUnixWaiting(ctx, d.backend.Path, deadline)
	}
	addrs, err := d.addresses(ctx, deadline)
	if err != nil {
		return nil, err
	}
	var errs []error
	if first != nil {
		errs, addrs = append(errs, first), addrs[1:]
	}
	for _, a := range addrs {
		s, err := connectTCP(a, deadline, d.User)
		if err == nil {
			return s, nil
		}
		errs = append(errs, err)
	}
	return nil, mostTelling(errs)
}

// connectUnixWaiting connects to a Unix socket; while the listener's queue is full it waits, as a blocking connect
// would.
func connectUnixWaiting(ctx context.Context, path string, deadline time.Time) (*lane.Socket, error) {
	for {
		s, err := connectUnix(path, deadline)
		if !errors.Is(err, syscall.EAGAIN) {
			return s, err
		}
		if time.Now().After(deadline) {
			return nil, os.ErrDeadlineExceeded
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(retryFirst):
		}
	}
}

// addresses are where to connect.
func (d *dialer) addresses(ctx context.Context, deadline time.Time) ([]netip.AddrPort, error) {
	if d.known != nil {
		return d.known, nil
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", d.backend.Host)
	if err != nil {
		return nil, err
	}
	addrs := make([]netip.AddrPort, 0, len(ips))
	for _, ip := range ips {
		addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), d.backend.Port))
	}
	return addrs, nil
}

// mostTelling picks the error to report of several addresses: a timeout or an odd failure tells more than a refusal,
// and a host without IPv6 tells nothing.
func mostTelling(errs []error) error {
	for _, err := range errs {
		if !errors.Is(err, errRefused) && !isMissingFamily(err) && !errors.Is(err, errUnreachable) {
			return err
		}
	}
	return errs[0]
}

// explain says in a person's words why no attempt succeeded.
func (d *dialer) explain(err error) *dialError {
	to := d.backend.String()
	if d.backend.Host == "" && !d.backend.IsUnix() {
		to = "localhost:" + to
	}
	var dns *net.DNSError
	switch {
	case errors.Is(err, errRefused):
		return &dialError{flow.EndDialRefused, "nothing listens on " + to}
	case errors.Is(err, syscall.ENOENT):
		return &dialError{flow.EndDialRefused, "there is no socket " + to}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errConnTimedOut):
		return &dialError{flow.EndDialTimeout, fmt.Sprintf("%s did not answer within %s", to, d.Dial)}
	case errors.Is(err, context.Canceled):
		return stopped(flow.EndDrain)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return &dialError{flow.EndDialFailed, "no permission to connect to " + to}
	case errors.As(err, &dns):
		return &dialError{flow.EndDialFailed, fmt.Sprintf("cannot find the address of %s: %s", d.backend.Host, dns.Err)}
	default:
		return &dialError{flow.EndDialFailed, fmt.Sprintf("connect to %s: %v", to, err)}
	}
}
