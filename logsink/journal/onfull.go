package journal

import (
	"fmt"
	"slices"
	"strings"
)

// OnFull is what lodoor does while the journal cannot take the records of sessions. The journal itself does the same
// under each: it drops them, counts them and tells Trouble; whoever lets sessions in acts on it.
type OnFull uint8

// The policies.
const (
	OnFullDrop   OnFull = iota // sessions go on, their records are dropped and counted
	OnFullRefuse               // new sessions are refused, those that are open go on
	OnFullStop                 // lodoor ends
)

func onFullNames() []string { return []string{"drop", "refuse", "stop"} }

func (o OnFull) String() string {
	if names := onFullNames(); int(o) < len(names) {
		return names[o]
	}
	return fmt.Sprintf("invalid(%d)", uint8(o))
}

// MarshalText writes the policy's name.
func (o OnFull) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads a policy's name; the error lists the names.
func (o *OnFull) UnmarshalText(text []byte) error {
	i := slices.Index(onFullNames(), string(text))
	if i < 0 {
		return fmt.Errorf("unknown policy %q: expected one of %s", text, strings.Join(onFullNames(), ", "))
	}
	*o = OnFull(i)
	return nil
}
