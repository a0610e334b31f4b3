package origin

import (
	"context"
	"fmt"

	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

// Connections lists who is connected from or to a TCP port of this host, and who listens on it: listeners first. It sees
// the network namespace of the calling thread. All processes are looked at once, tens of milliseconds on a busy machine;
// when ctx is over before that, no process is named.
func Connections(ctx context.Context, port uint16, c ResolverConfig) ([]Connection, error) {
	if c.Users == nil {
		c.Users = NewUsers()
	}
	sockets, err := sockdiag.Listeners(port)
	if err != nil {
		return nil, fmt.Errorf("list who uses port %d: %w", port, err)
	}
	connected, err := sockdiag.Connected(port)
	if err != nil {
		return nil, fmt.Errorf("list who uses port %d: %w", port, err)
	}
	sockets = append(sockets, connected...)
	s := newProcSearch(c)
	s.turn++ // the first: nobody was asked in it for whom he speaks
	for i := range sockets {
		if inode := uint64(sockets[i].Inode); inode != 0 {
			s.wanted[inode] = &quarry{}
		}
	}
	found := s.hunt(func() bool { return ctx.Err() == nil })
	all := make([]Connection, len(sockets))
	for i := range sockets {
		all[i] = plainConnection(&sockets[i], c.Users)
		if q := s.wanted[uint64(sockets[i].Inode)]; found && q != nil && len(q.holders) > 0 {
			all[i].Origin = s.origin(ctx, &seek{known: all[i].Origin}, q.holders)
		}
	}
	return all, nil
}
