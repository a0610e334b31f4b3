package rules

import (
	"errors"
	"fmt"
	"os/user"
	"strings"
)

// lookupUser asks the system. Where users have no numbers (Windows) every name is an error.
func lookupUser(name string) (uint32, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	return parseUID(u.Uid)
}

func (k *compiler) users(list []string) []uint32 {
	given(k, "users", list)
	var uids []uint32
	for i, text := range list {
		uid, err := k.user(text)
		if err != nil {
			k.problem(fmt.Sprintf("users[%d]", i), "%w", err)
			continue
		}
		uids = append(uids, uid)
	}
	return uids
}

func (k *compiler) user(text string) (uint32, error) {
	if text == "" {
		return 0, errors.New("expected a user's name or number")
	}
	if strings.Trim(text, "0123456789") == "" {
		return parseUID(text)
	}
	uid, err := k.config.LookupUser(text)
	if err != nil {
		return 0, fmt.Errorf("unknown user %q: use the number if this system does not know the name", text)
	}
	return uid, nil
}
