package recording

import (
	"fmt"
	"os"
	"strings"

	"filippo.io/age"
)

const identityPrefix = "AGE-SECRET-KEY-"

// Identities reads what encrypted recordings can be read with: where is a file as age-keygen writes it, or the text of
// one secret key itself. No error shows a secret.
func Identities(where string) ([]age.Identity, error) {
	const expected = "expected lines that begin with " + identityPrefix + "1, as age-keygen writes them"
	if strings.HasPrefix(where, identityPrefix) {
		list, err := age.ParseIdentities(strings.NewReader(where))
		if err != nil {
			return nil, fmt.Errorf("the identity cannot be read: %s", expected)
		}
		return list, nil
	}
	f, err := os.Open(where)
	if err != nil {
		return nil, fmt.Errorf("open the identities: %w", err)
	}
	defer f.Close()
	list, err := age.ParseIdentities(f)
	if err != nil {
		return nil, fmt.Errorf("the identities in %s cannot be read: %s", where, expected)
	}
	return list, nil
}
