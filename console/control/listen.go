package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// dialTimeout is for a door on this machine that has nothing to do but answer.
const dialTimeout = 2 * time.Second

// Listen opens the control socket of an instance in [Dir]. What a door that died has left there is replaced; a door that
// is alive keeps it, and that is an error.
func Listen(instance string) (*net.UnixListener, error) {
	dir := Dir()
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	path := pathOf(dir, instance)
	if c, err := net.DialTimeout("unix", path, dialTimeout); err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("control socket: another door listens on %s", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: remove what a door has left: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}

// guarded accepts connections of the own user and of root only.
type guarded struct {
	*net.UnixListener
	own int
}

func (g guarded) Accept() (net.Conn, error) {
	for {
		c, err := g.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if uid, err := userOf(c); err == nil && (uid == g.own || uid == 0) {
			return c, nil
		}
		_ = c.Close()
	}
}
