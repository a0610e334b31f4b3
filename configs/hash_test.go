package configs

import (
	"strings"
	"testing"
)

func TestHash(t *testing.T) {
	const base = "services:\n  - {name: pg, listen: 127.0.0.1:1, backend: 127.0.0.1:2}\nrules:\n" +
		"  - {name: a, action: deny, cidrs: [192.0.2.1/32, 192.0.2.2/32]}\n" +
		"  - {name: b, action: deny, zones: [lan]}\n"
	hash := func(edits ...string) string {
		t.Helper()
		text := strings.NewReplacer(edits...).Replace(base)
		if len(edits) > 0 && text == base {
			t.Fatalf("%q changes nothing", edits)
		}
		return load(t, LoadOptions{File: write(t, "lodoor.yaml", text)}).Hash()
	}
	first := hash()
	for what, edits := range map[string][]string{
		"a space":                   {"rules:", "rules: "},
		"a default that is written": {"services:", "journal: {durability: process}\nservices:"},
	} {
		if got := hash(edits...); got != first {
			t.Errorf("%s makes it another configuration: %s, %s", what, got, first)
		}
	}
	for what, edits := range map[string][]string{
		"another value":       {"backend: 127.0.0.1:2", "backend: 127.0.0.1:3"},
		"another order":       {"192.0.2.1/32, 192.0.2.2/32", "192.0.2.2/32, 192.0.2.1/32"},
		"one less":            {", 192.0.2.2/32", ""},
		"names the other way": {"name: a,", "name: b,", "name: b,", "name: a,"},
		"a setting":           {"services:", "journal: {durability: none}\nservices:"},
		"in another rule":     {", cidrs: [192.0.2.1/32, 192.0.2.2/32]", "", "zones: [lan]", "zones: [lan], cidrs: [192.0.2.1/32, 192.0.2.2/32]"},
	} {
		if hash(edits...) == first {
			t.Errorf("%s leaves the hash as it was", what)
		}
	}
	secret := func(webhook string) string {
		t.Helper()
		return load(t, LoadOptions{File: write(t, "lodoor.yaml", base), Environ: []string{"LODOOR_WEBHOOK=" + webhook}}).Hash()
	}
	if a, b := secret("https://example.com/1"), secret("https://example.com/2"); a != b || a == first {
		t.Errorf("%s and %s with secrets, which are hidden, and %s without", a, b, first)
	}
}
