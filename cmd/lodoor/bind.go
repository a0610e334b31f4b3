package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/lodoor/lodoor/proxy"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin"
)

// firstFront is the port from which lodoor looks for a free one.
const firstFront = 62893

// holderWithin bounds the search for the process that holds an address.
const holderWithin = 500 * time.Millisecond

// explainBind adds to an error about a front what a person needs to mend it: who holds the address, the next free port,
// and whether only one of the two loopback addresses is taken.
func explainBind(err error) error {
	var bind *proxy.BindError
	if !errors.As(err, &bind) || !bind.InUse() || bind.Restart {
		return err
	}
	text := fmt.Sprintf("service %s: %s is already in use by %s", bind.Service, bind.Front, holderOf(bind.Front))
	if !bind.FreeOther.IsZero() {
		text += fmt.Sprintf("; %s is free, but a door on it alone would leave the other to somebody else (write %s to have only that one)",
			bind.FreeOther, bind.FreeOther)
	}
	if bind.Front.IsUnix() {
		return fmt.Errorf("%s", text)
	}
	if port, ok := nextFree(bind.Front.Port + 1); ok {
		text += fmt.Sprintf("; the next free port is %d", port)
	}
	return fmt.Errorf("%s", text)
}

// holderOf says who listens at an address, in words.
func holderOf(e flow.Endpoint) string {
	ctx, cancel := context.WithTimeout(context.Background(), holderWithin)
	defer cancel()
	return origin.HolderOf(ctx, e).String()
}

// nextFree finds a port from first upward that is free on both loopback addresses now.
func nextFree(first uint16) (uint16, bool) {
	for port := uint32(first); port != 0 && port <= 65535; port++ {
		if free(uint16(port)) {
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
