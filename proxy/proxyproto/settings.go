package proxyproto

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Settings are a service's part of the configuration. Where they hold, no session is taken without a header.
type Settings struct {
	From From `mapstructure:"from"`
	// Timeout is how long the header may take to come; 0 is three seconds.
	Timeout time.Duration `mapstructure:"timeout"`
}

// From is who is trusted to send a header. Of the lists that are given a peer must be on each.
type From struct {
	// Zones are the zones of the connection itself.
	Zones []flow.Zone `mapstructure:"zones"`
	// Users are names or numbers of the user whose socket it is.
	Users []string `mapstructure:"users"`
	// Executables are paths of the files that run.
	Executables []string `mapstructure:"executables"`
}

const defaultTimeout = 3 * time.Second

// Validate returns an error for each setting that cannot be obeyed; each starts with the key.
func (s Settings) Validate() error {
	errs := s.From.validate()
	switch {
	case s.Timeout < 0:
		errs = append(errs, fmt.Errorf("timeout: %v: expected a time such as 3s, or 0 for the default", s.Timeout))
	case s.Timeout > 0 && s.Timeout < time.Millisecond:
		errs = append(errs, fmt.Errorf("timeout: %v: shorter than a millisecond; times are written with a unit, as in 3s",
			s.Timeout))
	}
	return errors.Join(errs...)
}

func (f From) validate() []error {
	if len(f.Zones)+len(f.Users)+len(f.Executables) == 0 {
		return []error{errors.New("from: nobody is trusted to send the header: write who is, as in " +
			"from: {users: [haproxy]}, from: {zones: [container]} or from: {executables: [/usr/sbin/nginx]}")}
	}
	var errs []error
	for i, z := range f.Zones {
		if z > flow.ZonePublic {
			errs = append(errs, fmt.Errorf("from.zones[%d]: unknown zone %s", i, z))
		}
	}
	for i, u := range f.Users {
		if strings.TrimSpace(u) == "" {
			errs = append(errs, fmt.Errorf("from.users[%d]: %q: expected a user's name or number", i, u))
		}
	}
	for i, path := range f.Executables {
		if !filepath.IsAbs(path) || filepath.Clean(path) != path {
			errs = append(errs, fmt.Errorf("from.executables[%d]: %q: expected the whole path of a program, such as "+
				"/usr/sbin/haproxy", i, path))
		}
	}
	return errs
}

// Warnings are about trust that goes farther than it seems; each starts with the key.
func (s Settings) Warnings() []string {
	switch f := s.From; {
	case len(f.Users) > 0:
		return nil
	case len(f.Executables) > 0:
		return []string{"from.executables: the path is what the process itself sees, and a program of another user can " +
			"arrange that: name the user as well, in from.users"}
	case containsLocal(f.Zones):
		return []string{"from.zones: every program on this host may say that it speaks for anybody: name the proxy's user " +
			"as well, in from.users"}
	}
	return nil
}

func containsLocal(zones []flow.Zone) bool {
	for _, z := range zones {
		if z.Local() {
			return true
		}
	}
	return false
}
