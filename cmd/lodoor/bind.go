package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/proxy"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin"
)

// firstFront is the port from which lodoor looks for a free one.
const firstFront = 62893

// holderWithin bounds the search for the process that holds an address.
const holderWithin = 500 * time.Millisecond

// explainBind adds to an error about a front what a person needs to mend it: who holds the address, the next free port,
// whether only one of the two loopback addresses is taken, and what is not allowed or not there.
func explainBind(err error) error {
	var bind *proxy.BindError
	switch {
	case !errors.As(err, &bind) || bind.Restart:
		return err
	case bind.InUse():
		return errors.New(inUse(bind))
	}
	if hint := bindHint(bind); hint != "" {
		return fmt.Errorf("%w; %s", err, hint)
	}
	return err
}

// inUse says of a front that somebody else has who that is, and what is free.
func inUse(bind *proxy.BindError) string {
	if bind.Front.IsUnix() {
		if info, err := os.Lstat(bind.Front.Path); err == nil && info.Mode().Type() != os.ModeSocket {
			return fmt.Sprintf("service %s: something that is no socket is in the way at %s; move it, or choose another path",
				bind.Service, bind.Front.Path)
		}
		return fmt.Sprintf("service %s: %s is already in use by %s", bind.Service, bind.Front, findHolder(bind.Front))
	}
	text := fmt.Sprintf("service %s: %s is already in use by %s", bind.Service, bind.Front, findHolder(bind.Front))
	if !bind.FreeOther.IsZero() {
		text += fmt.Sprintf("; %s is free, but a door on it alone would leave the other to somebody else (write %s to have only that one)",
			bind.FreeOther, bind.FreeOther)
	}
	if port, ok := nextFree(bind.Front.Port+1, nil); ok {
		text += fmt.Sprintf("; the next free port is %d", port)
	}
	return text
}

// bindHint says how to mend an error that the system's own words leave open; empty when they do not.
func bindHint(bind *proxy.BindError) string {
	denied, port := errors.Is(bind.Err, fs.ErrPermission), bind.Front.Port
	dir := filepath.Dir(bind.Front.Path)
	switch {
	case bind.Front.IsUnix() && denied:
		return "this user may not make files in " + dir
	case bind.Front.IsUnix() && errors.Is(bind.Err, fs.ErrNotExist):
		return fmt.Sprintf("the directory %s is not there; make it, or choose another path", dir)
	case bind.Front.IsUnix() && errors.Is(bind.Err, syscall.EINVAL): // unix(7): sun_path
		return "the path of a Unix socket has room for about a hundred bytes; choose a shorter one"
	case bind.Front.IsUnix():
		return ""
	case denied && port < 1024: // ip(7), ip_unprivileged_port_start
		return "ports below 1024 need the capability CAP_NET_BIND_SERVICE, which root has; choose a port from 1024 upward"
	case errors.Is(bind.Err, syscall.EADDRNOTAVAIL):
		return "it is not an address of this host"
	default:
		return ""
	}
}

// findHolder finds who listens at an address.
func findHolder(e flow.Endpoint) origin.Holder {
	ctx, cancel := context.WithTimeout(context.Background(), holderWithin)
	defer cancel()
	return origin.HolderOf(ctx, e)
}

// nextFree finds a port from first upward that is free on both loopback addresses now and that none of services asks
// for.
func nextFree(first uint16, services []configs.Service) (uint16, bool) {
	asked := make(map[uint16]bool)
	for i := range services {
		for _, e := range services[i].Listen {
			asked[e.Port] = true
		}
	}
	for port := uint32(first); port != 0 && port <= 65535; port++ {
		if !asked[uint16(port)] && free(uint16(port)) {
			return uint16(port), true
		}
	}
	return 0, false
}

func free(port uint16) bool {
	for _, host := range []string{"127.0.0.1", "::1"} {
		ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
		if err != nil {
			if host == "::1" && !hasIPv6Loopback() {
				continue
			}
			return false
		}
		_ = ln.Close()
	}
	return true
}

func hasIPv6Loopback() bool {
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err == nil {
		_ = ln.Close()
	}
	return err == nil
}
