//go:build !linux

package proxy

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/lodoor/lodoor/proxy/lane"
)

// acceptor is one listening socket.
type acceptor struct {
	ln    net.Listener
	local netip.AddrPort // not valid for Unix sockets
	kept  bool           // never: sockets are handed over on Linux only
}

func listenTCP(at netip.AddrPort, o listenOptions) (*acceptor, error) {
	network := "tcp4"
	switch {
	case at.Addr().Is6() && at.Addr().IsUnspecified():
		network = "tcp"
	case at.Addr().Is6():
		network = "tcp6"
	}
	a, err := listen(network, at.String(), o)
	if err == nil {
		a.local = at
	}
	return a, err
}

// listenUnix binds a Unix socket that only its owner may connect to.
func listenUnix(path string, o listenOptions) (*acceptor, error) {
	a, err := listen("unix", path, o)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = a.close()
		return nil, fmt.Errorf("restrict socket to its owner: %w", err)
	}
	return a, nil
}

func listen(network, address string, o listenOptions) (*acceptor, error) {
	config := net.ListenConfig{
		KeepAlive: -1,
		Control: func(network, _ string, c syscall.RawConn) error {
			var err error
			if e := c.Control(func(fd uintptr) { err = o.prepare(fd, network) }); e != nil {
				return e
			}
			return err
		},
	}
	ln, err := config.Listen(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	return &acceptor{ln: ln}, nil
}

// accept waits for a connection. The error is os.ErrDeadlineExceeded after interrupt, and net.ErrClosed after close.
func (a *acceptor) accept() (*lane.Socket, error) {
	c, err := a.ln.Accept()
	if err != nil {
		return nil, err
	}
	return lane.NewSocket(c), nil
}

// acceptWaiting returns nil: this system's listeners cannot be asked without waiting.
func (a *acceptor) acceptWaiting() *lane.Socket { return nil }

// interrupt ends an accept that waits, now and from now on.
func (a *acceptor) interrupt() {
	if d, ok := a.ln.(interface{ SetDeadline(time.Time) error }); ok {
		_ = d.SetDeadline(time.Unix(1, 0))
	}
}

// setUserTimeout does nothing: TCP_USER_TIMEOUT is Linux's.
func (a *acceptor) setUserTimeout(time.Duration) {}

func (a *acceptor) close() error { return a.ln.Close() }
