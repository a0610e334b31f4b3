package rules

import (
	"fmt"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Forwarders is the condition on who carries the connection: [true] is any forwarder, [false] certainly none, and
// otherwise it lists the kinds, such as sshd. A configuration may write one of them without a list.
type Forwarders []ForwarderName

// ForwarderName is a kind of forwarder, or true or false.
type ForwarderName string

// The two words among the names.
const (
	AnyForwarder ForwarderName = "true"
	NoForwarder  ForwarderName = "false"
)

func (n ForwarderName) String() string { return string(n) }

// MarshalText writes the name.
func (n ForwarderName) MarshalText() ([]byte, error) { return []byte(n), nil }

// UnmarshalText reads true, false or a name.
func (n *ForwarderName) UnmarshalText(text []byte) error {
	if s := string(text); s == "" || s != strings.TrimSpace(s) || strings.Contains(s, "*") {
		return fmt.Errorf("forwarder %q: expected true for any, false for none, or names such as sshd", text)
	}
	*n = ForwarderName(text)
	return nil
}

// carriage is the compiled condition. The zero value is no condition.
type carriage struct {
	given, any, none bool
	names            []string
}

func (c *carriage) matches(f *flow.Forwarder) bool {
	switch {
	case f == nil:
		return c.none
	case c.any:
		return true
	}
	for _, name := range c.names {
		if name == f.Name {
			return true
		}
	}
	return false
}

func (k *compiler) forwarders(list Forwarders) carriage {
	c := carriage{given: given(k, "forwarder", list)}
	for i, name := range list {
		var checked ForwarderName
		switch err := checked.UnmarshalText([]byte(name)); {
		case err != nil:
			k.problem(fmt.Sprintf("forwarder[%d]", i), "%w", err)
		case (name == AnyForwarder || name == NoForwarder) && len(list) > 1:
			k.problem(fmt.Sprintf("forwarder[%d]", i), "%s stands alone: the names of forwarders are another condition", name)
		case name == AnyForwarder:
			c.any = true
		case name == NoForwarder:
			c.none = true
		default:
			c.names = append(c.names, string(name))
		}
	}
	return c
}

// byForwarder looks at who carries the connection. That is known once the process is: a forwarder among several
// processes that hold the socket is the connection's, since any of them may speak.
func (r *rule) byForwarder(f *flow.Facts) answer {
	switch {
	case !r.carriage.given:
		return yes
	case !forwarderKnown(&f.Origin):
		return wanting(f)
	}
	return sure(r.carriage.matches(f.Origin.Forwarder))
}

func forwarderKnown(o *flow.Origin) bool { return o.Forwarder != nil || processKnown(o) }
