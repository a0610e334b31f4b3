package gate

import (
	"slices"
	"strings"
)

// names are the hosts that a service goes by and the origins whose pages may use it.
type names struct {
	own     []string // with the front's port
	hosts   []pattern
	origins []originPattern
	every   bool // any origin
	null    bool
}

// originPattern is an entry of the list of origins.
type originPattern struct {
	pattern
	scheme string // empty: http and https
}

// knows says whether the service goes by that host. front is the port that the client reached; 0 for a Unix socket,
// where every port will do.
func (n *names) knows(a authority, front uint16) bool {
	if (front == 0 || a.port == front) && slices.Contains(n.own, a.host) {
		return true
	}
	return slices.ContainsFunc(n.hosts, func(p pattern) bool { return p.matches(a) })
}

// host judges a Host; one without a port means 80.
func (n *names) host(value string, front uint16) *objection {
	a, ok := parseAuthority(value, 80)
	switch {
	case !ok:
		return foreign("Host %s is no host", quoteHost(value))
	case n.knows(a, front):
		return nil
	case a.everywhere():
		return foreign("Host %s: a request by way of 0.0.0.0, as pages of other sites send them", quoteHost(value))
	case !a.local():
		return foreign("Host %s is none of this service's; a page's name may have been made to lead here (DNS rebinding); "+
			"if it is a name of the service, add it to http.hosts", quoteHost(value))
	}
	return foreign("Host %s is none of this service's; if it is one, add it to http.hosts", quoteHost(value))
}

// origin judges an Origin (RFC 6454, 7).
func (n *names) origin(value string, front uint16) *objection {
	if n.every || value == "null" && n.null {
		return nil
	}
	if scheme, a, ok := parseOrigin(value); ok {
		web := scheme == "http" || scheme == "https"
		listed := func(p originPattern) bool {
			return p.matches(a) && (p.scheme == scheme || p.scheme == "" && web)
		}
		if web && n.knows(a, front) || slices.ContainsFunc(n.origins, listed) {
			return nil
		}
	}
	return foreign("Origin %s: a page from elsewhere sent the request; if it may use this service, add it to http.origins",
		quoteHost(value))
}

// parseOrigin reads SCHEME://HOST or SCHEME://HOST:PORT.
func parseOrigin(s string) (scheme string, a authority, ok bool) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return "", a, false
	}
	scheme = strings.ToLower(scheme)
	a, ok = parseAuthority(rest, defaultPort(scheme))
	return scheme, a, ok && validScheme(scheme)
}

// defaultPort is what an origin without a port means; 0 where a scheme has no ports.
func defaultPort(scheme string) uint16 {
	switch scheme {
	case "http":
		return 80
	case "https":
		return 443
	}
	return 0
}

// validScheme says whether it may be one (RFC 3986, 3.1); it is in lower case.
func validScheme(s string) bool {
	inner := func(r rune) bool { return 'a' <= r && r <= 'z' || strings.ContainsRune("0123456789+-.", r) }
	return s != "" && 'a' <= s[0] && s[0] <= 'z' && !strings.ContainsFunc(s, func(r rune) bool { return !inner(r) })
}
