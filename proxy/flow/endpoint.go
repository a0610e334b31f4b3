package flow

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Endpoint is an address as a person writes it: a TCP host and port, or the path of a Unix socket.
type Endpoint struct {
	// Host is an IP address without brackets, a name, or empty when only a port was given.
	Host string
	// Port is 1 to 65535 for TCP.
	Port uint16
	// Path is the Unix socket's path; when it is set, Host and Port are not.
	Path string
}

// IsUnix says whether the endpoint is a Unix socket.
func (e Endpoint) IsUnix() bool { return e.Path != "" }

// IsZero says whether nothing was given.
func (e Endpoint) IsZero() bool { return e == Endpoint{} }

// Addr returns Host as an address, unmapped; not ok when Host is a name or empty.
func (e Endpoint) Addr() (netip.Addr, bool) {
	a, err := netip.ParseAddr(e.Host)
	return a.Unmap(), err == nil
}

// String writes the endpoint so that UnmarshalText reads it again.
func (e Endpoint) String() string {
	switch {
	case e.IsUnix():
		return "unix:" + e.Path
	case e.Host == "":
		return strconv.Itoa(int(e.Port))
	default:
		return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))
	}
}

// MarshalText writes what String does.
func (e Endpoint) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads PORT, HOST:PORT, [IPV6]:PORT or unix:/PATH.
func (e *Endpoint) UnmarshalText(text []byte) error {
	v, err := ParseEndpoint(string(text))
	if err == nil {
		*e = v
	}
	return err
}

// ParseEndpoint reads PORT, HOST:PORT, [IPV6]:PORT or unix:/PATH.
func ParseEndpoint(s string) (Endpoint, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "@") {
			return Endpoint{}, fmt.Errorf("address %q: a unix: path starts with / (or @ for the abstract namespace)", s)
		}
		return Endpoint{Path: path}, nil
	}
	if strings.HasPrefix(s, "/") || strings.HasPrefix(s, "./") {
		return Endpoint{}, fmt.Errorf("address %q: a Unix socket is written unix:/PATH, with the path from the root", s)
	}
	if !strings.Contains(s, ":") {
		port, err := ParsePort(s)
		return Endpoint{Port: port}, err
	}
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		return Endpoint{}, fmt.Errorf("address %q: expected PORT, HOST:PORT, [IPV6]:PORT or unix:/PATH", s)
	}
	if host == "" {
		return Endpoint{}, fmt.Errorf("address %q: the host before the colon is empty; write the port alone, or a host", s)
	}
	port, err := ParsePort(p)
	return Endpoint{Host: host, Port: port}, err
}

// ParsePort reads a TCP port, 1 to 65535.
func ParsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("port %q: expected a number from 1 to 65535", s)
	}
	return uint16(n), nil
}
