package origin

import (
	"context"
	"fmt"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
)

// OfProcess is the origin that a connection of a process has: what a [Resolver] would find. The error is that there is
// no such process.
func OfProcess(ctx context.Context, pid int, c ResolverConfig) (flow.Origin, error) {
	if c.Users == nil {
		c.Users = NewUsers()
	}
	dir, err := procfs.New(c.Proc).Open(pid)
	if err != nil {
		return flow.Origin{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	defer dir.Close()
	p, err := dir.Describe(c.Process)
	if err != nil {
		return flow.Origin{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	p.User = c.Users.Name(p.UID)
	o := flow.Origin{
		Attribution: flow.AttributionLiveSocket, UID: p.UID, User: p.User, PID: p.PID, Program: p.Program, Process: p,
	}
	if c.Forwarder != nil {
		o.Forwarder = c.Forwarder(ctx, p)
	}
	return o, nil
}
