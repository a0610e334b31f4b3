package proxyproto

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Config is what a reader depends on.
type Config struct {
	Settings Settings
	// Zone says what kind of place an address is.
	Zone func(netip.Addr) flow.Zone
	// LookupUser finds the uid of a name; nil asks os/user.
	LookupUser func(name string) (uint32, error)
}

// Reader reads the headers of one service's peers. It does not change.
type Reader struct {
	from    From
	timeout time.Duration
	uids    []uint32
	zone    func(netip.Addr) flow.Zone
}

// New returns a reader. The error joins one for everything that is wrong; each starts with the key.
func New(c Config) (*Reader, error) {
	if c.LookupUser == nil {
		c.LookupUser = lookupUser
	}
	errs := []error{c.Settings.Validate()}
	r := &Reader{from: c.Settings.From, timeout: c.Settings.Timeout, zone: c.Zone}
	if r.timeout == 0 {
		r.timeout = defaultTimeout
	}
	for i, name := range r.from.Users {
		uid, err := findUser(name, c.LookupUser)
		if err != nil {
			errs = append(errs, fmt.Errorf("from.users[%d]: %w", i, err))
		}
		r.uids = append(r.uids, uid)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, nil
}

// Timeout is how long the header may take to come.
func (r *Reader) Timeout() time.Duration { return r.timeout }

// findUser reads a user's number, or looks up a name.
func findUser(text string, lookup func(string) (uint32, error)) (uint32, error) {
	if strings.Trim(text, "0123456789") == "" {
		return parseUID(text)
	}
	uid, err := lookup(text)
	if err != nil {
		return 0, fmt.Errorf("unknown user %q: use the number if this system does not know the name", text)
	}
	return uid, nil
}

func lookupUser(name string) (uint32, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	return parseUID(u.Uid)
}

func parseUID(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == math.MaxUint32 { // (uid_t)-1 is nobody's
		return 0, fmt.Errorf("user number %q: expected 0 to %d", text, uint32(math.MaxUint32-1))
	}
	return uint32(n), nil
}
