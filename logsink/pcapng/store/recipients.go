package store

import (
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

const (
	identityPrefix = "AGE-SECRET-KEY-"
	hybridPrefix   = "age1pq1"
	ageRecipients  = "a recipient as age-keygen prints it, age1… (https://age-encryption.org)"
)

// ParseRecipients reads the public keys of those who can read what is encrypted to them. The errors say which of the
// list is wrong, and never show a secret key.
func ParseRecipients(list []string) ([]age.Recipient, error) {
	var out []age.Recipient
	for i, text := range list {
		r, err := parseRecipient(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("recipient %d: %w", i+1, err)
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		return nil, nil
	}
	if _, err := age.Encrypt(io.Discard, out...); err != nil {
		return nil, fmt.Errorf("the recipients cannot be used together: %w", err)
	}
	return out, nil
}

func parseRecipient(text string) (age.Recipient, error) {
	switch {
	case strings.HasPrefix(strings.ToUpper(text), identityPrefix):
		return nil, fmt.Errorf("it is a secret key, which does not belong here: expected %s; age-keygen -y FILE "+
			"prints the one that belongs to it", ageRecipients)
	case strings.HasPrefix(text, hybridPrefix):
		return recipient(text, age.ParseHybridRecipient)
	default:
		return recipient(text, age.ParseX25519Recipient)
	}
}

// recipient reads one with the parser of its kind.
func recipient[T age.Recipient](text string, parse func(string) (T, error)) (age.Recipient, error) {
	r, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%q: expected %s: %w", text, ageRecipients, err)
	}
	return r, nil
}
