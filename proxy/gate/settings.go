package gate

import (
	"errors"
	"fmt"
	"strings"
)

// Settings are an HTTP service's part of the configuration. What is listed comes to what is always there: localhost,
// 127.0.0.1, [::1], the service's name and NAME.localhost, each with the front's port.
type Settings struct {
	// Hosts are names that the service goes by: app.test, app.test:8080, *.app.test (one label for the star). Without a
	// port every port will do. A page of such a host may use the service, too.
	Hosts []string `mapstructure:"hosts"`
	// Origins are whose pages may use the service: https://app.example:8443, a host as in Hosts, null, or * for all.
	Origins []string `mapstructure:"origins"`
}

// Validate returns an error for each entry that cannot be obeyed; each starts with the key.
func (s Settings) Validate() error {
	_, errs := compile("", s)
	return errors.Join(errs...)
}

// Warnings are about entries that open more than is good; each starts with the key.
func (s Settings) Warnings() []string {
	var warnings []string
	for i, text := range s.Origins {
		switch text {
		case "*":
			warnings = append(warnings, fmt.Sprintf("origins[%d]: * lets the pages of every site use the service, from any "+
				"browser on this host", i))
		case "null":
			warnings = append(warnings, fmt.Sprintf("origins[%d]: null is not one site: every site can make a frame of that "+
				"origin, and so use the service", i))
		}
	}
	return warnings
}

// compile reads the lists.
func compile(service string, s Settings) (*names, []error) {
	n, errs := &names{own: ownNames()}, []error(nil)
	if name := strings.ToLower(service); name != "" {
		n.own = append(n.own, name, name+".localhost")
	}
	for i, text := range s.Hosts {
		p, ok := parsePattern(text, 0)
		switch {
		case text == "*":
			errs = append(errs, fmt.Errorf("hosts[%d]: * is every name, also one that was made to lead here "+
				"(DNS rebinding): write the names that the service goes by", i))
		case !ok:
			errs = append(errs, fmt.Errorf("hosts[%d]: %q: expected a host such as app.test, app.test:8080, [::1]:8080 or "+
				"*.app.test", i, text))
		}
		n.hosts = append(n.hosts, p)
	}
	for i, text := range s.Origins {
		if err := n.addOrigin(text); err != nil {
			errs = append(errs, fmt.Errorf("origins[%d]: %w", i, err))
		}
	}
	return n, errs
}

func (n *names) addOrigin(text string) error {
	var p originPattern
	var ok bool
	switch scheme, host, isOrigin := strings.Cut(strings.ToLower(text), "://"); {
	case text == "*":
		n.every = true
		return nil
	case text == "null":
		n.null = true
		return nil
	case isOrigin:
		p.scheme = scheme
		p.pattern, ok = parsePattern(host, defaultPort(scheme))
		ok = ok && validScheme(scheme)
	default:
		p.pattern, ok = parsePattern(text, 0)
	}
	if !ok {
		return fmt.Errorf("%q: expected an origin such as https://app.example:8443 (without a path), a host such as "+
			"app.test, null or *", text)
	}
	n.origins = append(n.origins, p)
	return nil
}
