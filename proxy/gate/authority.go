package gate

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// authority is a host and its port as Host and Origin have them: lower case, without a final dot, IPv6 without brackets
// and in its canonical form.
type authority struct {
	host string
	port uint16 // 0: none was given and there is no default
}

// parseAuthority reads HOST or HOST:PORT. User information, an empty port and everything that is neither a name nor an
// address are not ok.
func parseAuthority(s string, port uint16) (a authority, ok bool) {
	var host, digits string
	var given bool
	if end := strings.IndexByte(s, ']'); end >= 0 {
		host, digits = s[:end+1], s[end+1:]
		digits, given = strings.CutPrefix(digits, ":")
		if !given && digits != "" {
			return a, false
		}
	} else {
		host, digits, given = strings.Cut(s, ":")
	}
	if given {
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || n == 0 || len(digits) > len("65535") {
			return a, false
		}
		port = uint16(n)
	}
	host, ok = parseHost(host)
	return authority{host, port}, ok
}

func parseHost(s string) (host string, ok bool) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return addr.String(), ok && err == nil && addr.Is6() && addr.Zone() == ""
	}
	host = strings.ToLower(strings.TrimSuffix(s, "."))
	named := func(r rune) bool { return r < 0x80 && (token(byte(r)) && !strings.ContainsRune("!#$%&'*+^`|~", r)) }
	bad := host == "" || strings.ContainsFunc(host, func(r rune) bool { return !named(r) })
	return host, !bad && !strings.HasPrefix(host, ".") && !strings.HasSuffix(host, ".") && !strings.Contains(host, "..")
}

// ownNames are the names that this host has for itself alone.
func ownNames() []string { return []string{"localhost", "127.0.0.1", "::1"} }

// local says whether nobody else can make the name lead here: an address, localhost, or a name below it (RFC 6761,
// 6.3).
func (a authority) local() bool {
	_, err := netip.ParseAddr(a.host)
	return err == nil || slices.Contains(ownNames(), a.host) || strings.HasSuffix(a.host, ".localhost")
}

// everywhere says whether it is the unspecified address, which a connection takes for this host.
func (a authority) everywhere() bool { return a.host == "0.0.0.0" || a.host == "::" }

// pattern is an entry of a list of hosts.
type pattern struct {
	authority      // port 0 stands for every port
	wild      bool // one label more before it
}

// parsePattern reads HOST, HOST:PORT or *.HOST.
func parsePattern(s string, port uint16) (p pattern, ok bool) {
	s, p.wild = strings.CutPrefix(s, "*.")
	p.authority, ok = parseAuthority(s, port)
	if _, err := netip.ParseAddr(p.host); err == nil && p.wild {
		return p, false
	}
	return p, ok
}

func (p pattern) matches(a authority) bool {
	host := a.host
	if p.wild {
		_, rest, ok := strings.Cut(host, ".")
		if !ok {
			return false
		}
		host = rest
	}
	return host == p.host && (p.port == 0 || p.port == a.port)
}

func (a authority) String() string { return net.JoinHostPort(a.host, strconv.Itoa(int(a.port))) }
