package configs

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// runForm is what the short form looks like, for messages.
const runForm = "[NAME=][HOST:]PORT:[HOST:]PORT, with unix:/PATH for either side, or the backend's PORT alone"

// ParseRun reads a service in the short form: [NAME=][HOST:]PORT:[HOST:]PORT, with IPv6 in brackets and unix:/PATH for
// either side. PORT:HOST:PORT is a front's port and a backend. A PORT alone is the backend's; Listen is then empty, and
// the caller chooses a front. A service without NAME gets one from its backend: see [ParseRuns].
func ParseRun(s string) (Service, error) {
	name, rest, err := cutName(s)
	if err != nil {
		return Service{}, err
	}
	if port, err := flow.ParsePort(rest); err == nil {
		return NewService(name, nil, flow.Endpoint{Port: port}), nil
	}
	if pairs := readings(rest, strictSide); len(pairs) == 1 {
		if !isFront(pairs[0].front) {
			return Service{}, fmt.Errorf("%q: the front %q is a name; expected an address of this host; did you mean %s=%d:%s",
				s, pairs[0].front.Host, pairs[0].front.Host, pairs[0].front.Port, pairs[0].backend)
		}
		return NewService(name, Endpoints{pairs[0].front}, pairs[0].backend), nil
	}
	return Service{}, notOneReading(s, rest)
}

// NewService is a service whose other settings are the defaults. Without a name it gets one from its backend, and so it
// does its protocol, when that is a database's.
func NewService(name string, listen Endpoints, backend flow.Endpoint) Service {
	if name == "" {
		name = nameFor(backend)
	}
	s := Service{Name: name, Listen: listen, Backend: backend, Protocol: protocolFor(backend)}
	s.complete()
	return s
}

// ParseRuns reads several services. Those without a name of their own get different ones: postgres, postgres-2.
func ParseRuns(forms []string) ([]Service, error) {
	services := make([]Service, 0, len(forms))
	taken := make(map[string]bool)
	for _, form := range forms {
		service, err := ParseRun(form)
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(form, service.Name+"=") {
			service.Name = freeName(service.Name, taken)
		}
		taken[service.Name] = true
		services = append(services, service)
	}
	return services, nil
}

// splitRuns cuts the value of LODOOR_RUN at its commas.
func splitRuns(list string) []string {
	var forms []string
	for form := range strings.SplitSeq(list, ",") {
		if form = strings.TrimSpace(form); form != "" {
			forms = append(forms, form)
		}
	}
	return forms
}

func freeName(name string, taken map[string]bool) string {
	free := name
	for n := 2; taken[free]; n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	return free
}

// cutName takes NAME= off the front. A sign after a colon or a slash belongs to an address or a path.
func cutName(s string) (name, rest string, err error) {
	i := strings.IndexAny(s, "=:/")
	if i < 0 || s[i] != '=' {
		return "", s, nil
	}
	if name = s[:i]; !validName(name) {
		return "", "", fmt.Errorf("%q: the name %q does not fit; expected %s", s, name, nameForm)
	}
	return name, s[i+1:], nil
}

// pair is one way to read a short form.
type pair struct{ front, backend flow.Endpoint }

// readings are all ways to cut s at a colon so that side reads both halves.
func readings(s string, side func(string) (flow.Endpoint, bool)) []pair {
	var pairs []pair
	for i := range len(s) {
		if s[i] != ':' {
			continue
		}
		front, ok := side(s[:i])
		if !ok {
			continue
		}
		if backend, ok := side(s[i+1:]); ok {
			pairs = append(pairs, pair{front, backend})
		}
	}
	return pairs
}

// strictSide reads one side where nothing can be read in two ways: no path has a colon, no host is a number.
func strictSide(s string) (flow.Endpoint, bool) {
	e, err := flow.ParseEndpoint(s)
	if err != nil || strings.Contains(e.Path, ":") || strings.ContainsAny(e.Path, "\n\x00") {
		return flow.Endpoint{}, false
	}
	if strings.Contains(e.Host, ":") != strings.HasPrefix(s, "[") {
		return flow.Endpoint{}, false // brackets are for IPv6, and only for it
	}
	return e, e.IsUnix() || e.Host == "" || validHost(e.Host)
}

// isFront says whether lodoor can listen on e: names other than localhost may be of any host.
func isFront(e flow.Endpoint) bool {
	_, ok := e.Addr()
	return ok || e.IsUnix() || e.Host == "" || e.Host == "localhost"
}

// looseSide reads one side in every way that somebody could mean, to show the readings of what strictSide refuses.
func looseSide(s string) (flow.Endpoint, bool) {
	if e, ok := strictSide(s); ok {
		return e, true
	}
	if e, err := flow.ParseEndpoint(s); err == nil && e.IsUnix() {
		return e, true
	}
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return flow.Endpoint{}, false
	}
	host, err := netip.ParseAddr(s[:i])
	port, portErr := flow.ParsePort(s[i+1:])
	return flow.Endpoint{Host: host.String(), Port: port}, err == nil && portErr == nil
}

// validHost says whether s is an address, or a name that nobody takes for a number.
func validHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return len(s) <= 253 && regexp.MustCompile(`^(?i)[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$`).MatchString(s) &&
		regexp.MustCompile(`(?i)[a-z]`).MatchString(s)
}

// notOneReading says why s, whose part without the name is rest, is not one service.
func notOneReading(s, rest string) error {
	if pairs := readings(rest, looseSide); len(pairs) > 0 {
		var b strings.Builder
		for _, p := range pairs {
			fmt.Fprintf(&b, "\n  front %s, backend %s: %s", p.front, p.backend, p.spell())
		}
		return fmt.Errorf("%q is not clear; did you mean%s", s, b.String())
	}
	if e, ok := looseSide(rest); ok && (e.IsUnix() || e.Host != "") {
		return fmt.Errorf("%q is one address where two are needed; did you mean\n"+
			"  the backend %s behind a front that you choose: PORT:%s\n"+
			"  the front %s before a backend that you name: %s:PORT", s, e, e, e, e)
	}
	if flaw := flawOf(rest); flaw != "" {
		return fmt.Errorf("%q: %s; a service is %s", s, flaw, runForm)
	}
	return fmt.Errorf("%q: expected %s; IPv6 addresses are written in brackets, as in [::1]:5432", s, runForm)
}

// flawOf says what keeps rest from being a service, when one thing stands out.
func flawOf(rest string) string {
	for _, path := range strings.Split(rest, "unix:")[1:] {
		if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "@") {
			return "the path after unix: begins with / (or with @, for the abstract namespace)"
		}
	}
	if rest == "" || strings.ContainsAny(rest, "[]/@") {
		return ""
	}
	fields := strings.Split(rest, ":")
	numbers := 0
	for i, field := range fields {
		last := i == len(fields)-1
		_, err := flow.ParsePort(field)
		switch {
		case field == "":
			return "an address or a port is missing beside a colon"
		case strings.Trim(field, "0123456789") == "":
			numbers++
			fallthrough
		case last:
			if err != nil {
				return err.Error()
			}
		}
	}
	if numbers > 2 {
		return fmt.Sprintf("%d ports are given, and there is a place for two", numbers)
	}
	return ""
}

// spell writes p so that it has only one reading.
func (p pair) spell() string {
	if strings.Contains(p.front.Path+p.backend.Path, ":") {
		return fmt.Sprintf("--listen %s --backend %s", p.front, p.backend)
	}
	return p.front.String() + ":" + p.backend.String()
}

const nameForm = "1 to 63 letters a-z, digits, dots, dashes or underscores, with a letter or digit first"

func validName(s string) bool {
	const first, others = "abcdefghijklmnopqrstuvwxyz0123456789", "._-"
	return s != "" && len(s) <= 63 && strings.Contains(first, s[:1]) && strings.Trim(s, first+others) == ""
}

// nameFor is the name of a service that was given none: what usually listens at its backend's port.
func nameFor(backend flow.Endpoint) string {
	if backend.IsUnix() {
		return nameForPath(backend.Path)
	}
	known := map[uint16]string{
		5432: "postgres", 3306: "mysql", 6379: "redis", 27017: "mongodb", 11211: "memcached", 80: "http", 8080: "http",
	}
	if name, ok := known[backend.Port]; ok {
		return name
	}
	return fmt.Sprintf("port-%d", backend.Port)
}

// protocolFor is what is spoken at a database's usual port or socket. What it is for is a gate that refuses HTTP alone:
// a mistake would be seen at once. Web servers are left out: their gate has to know names.
func protocolFor(backend flow.Endpoint) Protocol {
	name := nameFor(flow.Endpoint{Path: backend.Path, Port: backend.Port})
	var p Protocol
	if err := p.UnmarshalText([]byte(name)); err != nil || p == ProtocolHTTP || p == ProtocolAuto {
		return ProtocolUnset
	}
	if backend.IsUnix() && p != ProtocolPostgres {
		return ProtocolUnset // called after its file
	}
	return p
}

func nameForPath(path string) string {
	base := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
	if strings.HasPrefix(base, ".s.pgsql.") {
		return "postgres"
	}
	base = strings.TrimSuffix(regexp.MustCompile(`[^a-z0-9._-]+`).ReplaceAllString(base, "-"), ".sock")
	base = strings.TrimLeft(base, "._-")
	if base = base[:min(len(base), 63)]; base == "" {
		return "unix"
	}
	return base
}
