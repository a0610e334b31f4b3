package store_test

import (
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/lodoor/lodoor/logsink/pcapng/store"
)

func TestParseRecipients(t *testing.T) {
	key := newKey(t)
	quantum, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]string{
		nil, {key.Recipient().String()}, {" " + key.Recipient().String() + "\n", newKey(t).Recipient().String()},
		{quantum.Recipient().String()},
	} {
		if got, err := store.ParseRecipients(list); err != nil || len(got) != len(list) {
			t.Errorf("%q: %v, error %v", list, got, err)
		}
	}
	for _, c := range []struct {
		list []string
		want string
	}{
		{[]string{key.Recipient().String(), "age1nonsense"}, `recipient 2: "age1nonsense": expected a recipient`},
		{[]string{""}, `recipient 1: "": expected`},
		{[]string{"ssh-ed25519 AAAA"}, "expected a recipient as age-keygen prints it"},
		{[]string{key.String()}, "recipient 1: it is a secret key"},
		{[]string{strings.ToLower(key.String())}, "recipient 1: it is a secret key"},
		{[]string{key.Recipient().String(), quantum.Recipient().String()}, "cannot be used together"},
	} {
		_, err := store.ParseRecipients(c.list)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.list, err, c.want)
		}
		if err != nil && strings.Contains(strings.ToUpper(err.Error()), key.String()[20:]) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

func TestChoices(t *testing.T) {
	var c store.Compression
	if err := c.UnmarshalText([]byte("zstd")); err != nil || c != store.CompressZstd || c.String() != "zstd" {
		t.Errorf("%v, error %v", c, err)
	}
	if err := c.UnmarshalText([]byte("gzip")); err == nil || err.Error() != `unknown compression "gzip": expected one of off, zstd` {
		t.Errorf("error %v", err)
	}
	var w store.WhenFull
	if err := w.UnmarshalText([]byte("oldest")); err != nil || w != store.WhenFullOldest {
		t.Errorf("%v, error %v", w, err)
	}
	if err := w.UnmarshalText([]byte("newest")); err == nil || !strings.Contains(err.Error(), "expected one of stop, oldest") {
		t.Errorf("error %v", err)
	}
}
