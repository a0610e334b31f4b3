//go:build !linux

package origin

import (
	"context"
	"fmt"

	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

// Connections fails with [errors.ErrUnsupported].
func Connections(_ context.Context, port uint16, c ResolverConfig) ([]Connection, error) {
	if c.Users == nil {
		c.Users = NewUsers()
	}
	sockets, err := sockdiag.Connected(port)
	if err != nil {
		return nil, fmt.Errorf("list who uses port %d: %w", port, err)
	}
	all := make([]Connection, len(sockets))
	for i := range sockets {
		all[i] = plainConnection(&sockets[i], c.Users)
	}
	return all, nil
}
