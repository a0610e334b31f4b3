//go:build !linux

package sockdiag

import (
	"errors"
	"fmt"
	"net/netip"
)

var errSystem = fmt.Errorf("sock_diag: only Linux has it: %w", errors.ErrUnsupported)

// Conn is a connection to the kernel's socket diagnostics; only Linux has them.
type Conn struct{}

// Open fails with [errors.ErrUnsupported].
func Open() (*Conn, error) { return nil, errSystem }

// Close does nothing.
func (c *Conn) Close() error { return nil }

// Lookup fails with [errors.ErrUnsupported].
func (c *Conn) Lookup(_, _ netip.AddrPort, _ uint32) (Socket, error) { return Socket{}, errSystem }

// Listeners fails with [errors.ErrUnsupported].
func Listeners(uint16) ([]Socket, error) { return nil, errSystem }

// Connected fails with [errors.ErrUnsupported].
func Connected(uint16) ([]Socket, error) { return nil, errSystem }
